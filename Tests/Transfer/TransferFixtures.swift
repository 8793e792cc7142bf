import GatehouseTransfer
import Synchronization
import Testing

/// An answer with a body and its length.
func ok(_ body: String = "hello") -> String { "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)" }

func failure(
    of operation: () async throws(TransferError) -> TransferResponse, sourceLocation: SourceLocation = #_sourceLocation
) async -> TransferError? {
    do throws(TransferError) {
        let response = try await operation()
        Issue.record("an answer came: \(response.status)", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error
    }
}

/// Opened once by one side; the other waits for it without taking a thread.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
