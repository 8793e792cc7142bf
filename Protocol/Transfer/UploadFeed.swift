internal import Synchronization

/// Between whoever reads an upload, in a task, and libcurl, which asks for it on the transport's thread: holds little of it.
final class UploadFeed: Sendable {
    /// With so many octets waiting, the reading waits too.
    private static let enough = 256 * 1024

    enum Portion {
        case octets(Int)
        /// Nothing is there yet; `wake` says when there is.
        case wait
        case failed
    }

    private struct State {
        var octets: [UInt8] = []
        /// How many of them libcurl has.
        var given = 0
        /// All that came from the reading side.
        var count: Int64 = 0
        var isEnded = false
        var isClosed = false
        var failure: String?
        /// Whether libcurl was told to wait.
        var isPaused = false
        /// The reading side, when it waits.
        var reader: CheckedContinuation<Void, Never>?
    }

    private let upload: Upload
    private let state = Mutex(State())

    init(_ upload: Upload) { self.upload = upload }

    /// Why the upload cannot be finished, in words.
    var failure: String? { state.withLock { $0.failure } }

    // MARK: The reading side

    /// Reads the whole upload, as fast as libcurl takes it.
    ///
    /// - Parameter wake: makes libcurl ask again, after it was told to wait.
    func run(wake: @Sendable () -> Void) async {
        var failure: String?
        do { try await upload.read { octets in try await self.take(octets, wake) } } catch {
            failure = "the body could not be read: \(error)"
        }
        let wasPaused = state.withLock { state in
            state.isEnded = true
            if state.failure == nil {
                let isShort = state.count < upload.length
                state.failure = failure ?? (isShort ? "the body ended after \(state.count) octets" : nil)
            }
            defer { state.isPaused = false }
            return state.isPaused
        }
        if wasPaused { wake() }
    }

    /// - Throws: when nobody wants any more.
    private func take(_ octets: [UInt8], _ wake: () -> Void) async throws {
        let wasPaused = state.withLock { state in
            state.count += Int64(octets.count)
            if state.count > upload.length {
                state.failure = "the body is longer than the \(upload.length) octets that were announced"
            } else {
                state.octets += octets
            }
            defer { state.isPaused = false }
            return state.isPaused
        }
        if wasPaused { wake() }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                guard state.octets.count - state.given >= Self.enough, !state.isClosed, state.failure == nil else {
                    return true
                }
                state.reader = continuation
                return false
            }
            if goesOn { continuation.resume() }
        }
        guard state.withLock({ !$0.isClosed && $0.failure == nil }) else { throw CancellationError() }
    }

    // MARK: The transport's side

    func read(into place: UnsafeMutableRawBufferPointer) -> Portion {
        let (portion, reader) = state.withLock { state -> (Portion, CheckedContinuation<Void, Never>?) in
            guard state.failure == nil else { return (.failed, nil) }
            let count = min(place.count, state.octets.count - state.given)
            guard count > 0 else {
                guard !state.isEnded else { return (.octets(0), nil) }
                state.isPaused = true
                return (.wait, nil)
            }
            unsafe place.copyBytes(from: state.octets[state.given..<state.given + count])
            state.given += count
            guard state.given == state.octets.count else { return (.octets(count), nil) }
            // Its storage stays for what comes.
            state.octets.removeAll(keepingCapacity: true)
            state.given = 0
            defer { state.reader = nil }
            return (.octets(count), state.reader)
        }
        reader?.resume()
        return portion
    }

    /// The transfer has ended; the reading side stops.
    func close() {
        let reader = state.withLock { state in
            state.isClosed = true
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }
}
