import NIOConcurrencyHelpers

/// Lets one sign-in at a time through for each name, so that many guesses at once count one after another.
final class Turns: Sendable {
    private struct Line {
        var waiting: [(id: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    }

    private let lines = NIOLockedValueBox<(lines: [String: Line], nextID: Int)>(([:], 0))
    private let maximumWaiting: Int

    init(maximumWaiting: Int = 64) { self.maximumWaiting = maximumWaiting }

    /// Runs the body when everyone before it in the line of `name` is through.
    ///
    /// - Throws: `CancellationError` when the line is too long or the task is cancelled while it waits.
    func take<T: Sendable>(_ name: String, _ body: () async throws -> T) async throws -> T {
        let id = lines.withLockedValue { state in
            state.nextID += 1
            return state.nextID
        }
        let mayGo = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = lines.withLockedValue { state in
                    guard let line = state.lines[name] else {
                        state.lines[name] = Line()
                        return true
                    }
                    guard line.waiting.count < maximumWaiting, !Task.isCancelled else { return false }
                    state.lines[name]?.waiting.append((id, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let dropped = lines.withLockedValue { state -> CheckedContinuation<Bool, Never>? in
                guard let index = state.lines[name]?.waiting.firstIndex(where: { $0.id == id }) else { return nil }
                return state.lines[name]?.waiting.remove(at: index).continuation
            }
            dropped?.resume(returning: false)
        }
        guard mayGo else { throw CancellationError() }
        defer { leave(name) }
        return try await body()
    }

    private func leave(_ name: String) {
        let next = lines.withLockedValue { state -> CheckedContinuation<Bool, Never>? in
            guard let line = state.lines[name], !line.waiting.isEmpty else {
                state.lines[name] = nil
                return nil
            }
            return state.lines[name]?.waiting.removeFirst().continuation
        }
        next?.resume(returning: true)
    }
}
