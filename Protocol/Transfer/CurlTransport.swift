internal import Foundation

/// Sends HTTP requests and mail through libcurl, many at once, on one thread of its own, and keeps connections for later requests.
///
/// No redirects, cookies, `.netrc`, proxies or schemes but http and https: what the caller asks for is what goes out, and the
/// answer is what came back. A request that says the same when sent twice is sent again by libcurl when a kept connection turns
/// out to be dead; any other is not.
package final class CurlTransport: Sendable {
    private let queue: TransferQueue

    /// - Parameter maximumConnections: open at once, to all hosts together, and as many transfers at once; further
    ///   transfers wait, and their time runs.
    package init(maximumConnections: Int = 64) {
        let queue = TransferQueue()
        self.queue = queue
        LiveTransports.add(queue)
        let thread = Thread {
            TransferLoop(queue, maximumConnections: max(maximumConnections, 1)).run()
            LiveTransports.remove(queue)
        }
        thread.name = "transfer"
        thread.start()
    }

    deinit { queue.close(.shutDown) }

    /// Sends the request and waits for the whole answer. Cancelling the task ends the transfer and closes its connection.
    package func send(_ request: TransferRequest) async throws(TransferError) -> TransferResponse {
        try request.check()
        let transfer = Transfer(request)
        guard let feed = transfer.feed else { return try await send(transfer).get() }
        let queue = queue
        let reading = Task { await feed.run { queue.resume(transfer) } }
        let result = await send(transfer)
        // The server may have answered before it had everything.
        feed.close()
        reading.cancel()
        await reading.value
        return try result.get()
    }

    func send(_ transfer: Transfer) async -> Result<TransferResponse, TransferError> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in queue.start(transfer, continuation) }
        } onCancel: {
            queue.cancel(transfer)
        }
    }

    /// Ends every transfer with `.shutDown`, now and later, and closes the connections. Returns at once.
    package func shutDown() { queue.close(.shutDown) }
}
