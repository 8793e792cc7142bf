import Foundation

/// How far a long command is, on standard error: a bar that is drawn over itself at a terminal, else a line now and then.
final class Progress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let begun = ContinuousClock.now
    private var shown = ContinuousClock.now
    private var isDrawn = false
    /// What is being done, and since when.
    private var part = (what: "", since: ContinuousClock.now)

    /// Seconds since the beginning.
    var seconds: Double { begun.duration(to: .now) / .seconds(1) }

    /// - Parameters:
    ///   - what: is being done, such as `reading`.
    ///   - fraction: from 0 to 1.
    ///   - count: documents or lines so far.
    func show(_ what: String, _ fraction: Double, count: Int) {
        if part.what != what { part = (what, .now) }
        let isOver = fraction >= 1
        guard isOver && isDrawn || shown.duration(to: .now) > (isTerminal ? .milliseconds(100) : .seconds(5)) else {
            return
        }
        shown = .now
        let percent = Int(min(1, max(0, fraction)) * 100)
        let rate = Double(count) / max(part.since.duration(to: .now) / .seconds(1), 0.001)
        let text = "\(what) \(percent) %, \(count), \(Int(rate))/s"
        if isTerminal {
            let full = percent * 30 / 100
            let bar = String(repeating: "#", count: full) + String(repeating: "-", count: 30 - full)
            writeToStandardError("\r[\(bar)] \(text)\u{1b}[K")
            isDrawn = true
        } else {
            writeToStandardError("gatehouse: \(text)\n")
        }
    }

    /// Takes the bar away, before other lines.
    func clear() {
        if isDrawn { writeToStandardError("\r\u{1b}[K") }
        isDrawn = false
    }

    /// The most memory that the process has had at once (VmHWM, proc(5)), in MB; nil where the system does not say.
    static var peakMemory: Int? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map {
            $0 * 1024 / 1_000_000
        }
    }
}
