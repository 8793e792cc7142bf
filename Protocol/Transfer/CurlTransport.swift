import CGatehouseCurl
import Glibc
import Synchronization

/// Sends HTTP requests through libcurl's multi interface, on one thread of its own.
///
/// Connections are kept and used again. Any number of tasks may send at once.
package final class CurlTransport: Sendable {
    private let engine: CurlEngine

    /// - Parameter maximumConnections: open at once; further requests wait for one.
    package init(maximumConnections: Int = 64) {
        engine = CurlEngine(maximumConnections: maximumConnections)
        engine.start()
    }

    deinit { engine.stop() }

    /// - Throws: `TransferError`; `.cancelled` soon after the task was cancelled.
    package func send(_ request: TransferRequest) async throws(TransferError) -> TransferResponse {
        let handle: EasyHandle
        do {
            handle = try engine.idleHandle()
            try handle.prepare(request)
        }
        let transfer = Transfer(handle: handle)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.begin(continuation)
                engine.submit(transfer)
            }
        } onCancel: {
            engine.cancel(transfer)
        }
        return try result.get()
    }

    /// Ends what is under way with `.cancelled` and closes all connections.
    package func shutDown() { engine.stop() }
}

/// One request under way. Its handle belongs to the sender until `submit`, then to the engine's thread.
///
/// Sendable because of that hand-over, and because the continuation is behind a lock.
final class Transfer: @unchecked Sendable {
    let handle: EasyHandle
    private let start = ContinuousClock.now
    private let continuation = Mutex<CheckedContinuation<Result<TransferResponse, TransferError>, Never>?>(nil)

    init(handle: EasyHandle) { self.handle = handle }

    func begin(_ continuation: CheckedContinuation<Result<TransferResponse, TransferError>, Never>) {
        self.continuation.withLock { $0 = continuation }
    }

    /// Only the first end counts.
    func end(_ result: Result<TransferResponse, TransferError>) {
        let continuation = continuation.withLock { held in
            defer { held = nil }
            return held
        }
        continuation?.resume(returning: result)
    }

    /// Reads the answer out of the handle.
    func finish(_ code: CURLcode) {
        guard code == CURLE_OK else {
            return end(
                .failure(
                    handle.isTooLarge
                        ? TransferError(kind: .tooLarge, curlCode: Int(code.rawValue), message: "The answer is too large")
                        : TransferError(code)))
        }
        var status = 0
        var version = 0
        unsafe gatehouse_curl_get_long(handle.raw, CURLINFO_RESPONSE_CODE, &status)
        unsafe gatehouse_curl_get_long(handle.raw, CURLINFO_HTTP_VERSION, &version)
        end(
            .success(
                TransferResponse(
                    status: status, headers: handle.headers, body: handle.received,
                    version: version == Int(CURL_HTTP_VERSION_2_0.rawValue) ? .http2 : .http1, duration: ContinuousClock.now - start)))
    }
}
