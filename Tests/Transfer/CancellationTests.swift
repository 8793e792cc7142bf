import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Synchronization
import Testing

@Suite("Ending transfers early", .timeLimit(.minutes(1)))
struct CancellationTests {
    @Test("cancelling the task ends the transfer, closes its connection and frees its place")
    func cancel() async throws {
        let transport = CurlTransport(maximumConnections: 1)
        let (asked, closed) = (Gate(), Gate())
        let server = try RawServer { connection, number in
            _ = connection.request()
            guard number == 1 else { return connection.write(ok()) }
            asked.open()
            connection.waitForClose()
            closed.open()
        }
        let task = Task {
            await failure { () throws(TransferError) in
                try await transport.send(TransferRequest(method: .post, url: server.url))
            }
        }
        await asked.wait()
        task.cancel()
        let error = await task.value
        #expect(error?.kind == .cancelled)
        #expect(error?.mayHaveArrived == true)
        await closed.wait()
        #expect(try await transport.send(TransferRequest(method: .get, url: server.url)).status == 200)
    }

    @Test("a task that is cancelled already sends nothing")
    func cancelledBefore() async throws {
        let transport = CurlTransport()
        let server = try RawServer(answering: ok())
        let start = Gate()
        let task = Task {
            await start.wait()
            return await failure { () throws(TransferError) in
                try await transport.send(TransferRequest(method: .get, url: server.url))
            }
        }
        task.cancel()
        start.open()
        let error = await task.value
        #expect(error?.kind == .cancelled)
        #expect(error?.mayHaveArrived == false)
        #expect(server.connections == 0)
    }

    @Test("cancelling while in line leaves the line in order")
    func cancelInLine() async throws {
        let transport = CurlTransport(maximumConnections: 2)
        let server = try RawServer { connection, _ in
            while let request = connection.request() {
                guard !request.hasPrefix("GET /hang") else { return connection.waitForClose() }
                connection.write(ok())
            }
        }
        let hanging = (0..<40).map { _ in
            Task {
                await failure { () throws(TransferError) in
                    try await transport.send(TransferRequest(method: .get, url: server.url + "/hang"))
                }
            }
        }
        let waiting = (0..<40).map { _ in
            Task { try await transport.send(TransferRequest(method: .get, url: server.url)).status }
        }
        for task in hanging { task.cancel() }
        for task in hanging { #expect(await task.value?.kind == .cancelled) }
        for task in waiting { #expect(try await task.value == 200) }
    }

    @Test("cancellation at any moment gives one outcome, and the transport goes on")
    func cancelRace() async throws {
        let transport = CurlTransport(maximumConnections: 4)
        let server = try RawServer(answering: ok())
        let tasks = (0..<300).map { _ in
            Task { () -> TransferError.Kind? in
                do throws(TransferError) {
                    _ = try await transport.send(TransferRequest(method: .get, url: server.url))
                    return nil
                } catch {
                    return error.kind
                }
            }
        }
        for task in tasks.shuffled() {
            task.cancel()
            await Task.yield()
        }
        for task in tasks {
            let kind = await task.value
            #expect(kind == nil || kind == .cancelled)
        }
        #expect(try await transport.send(TransferRequest(method: .get, url: server.url)).status == 200)
    }

    @Test("shutting down tells those who wait and those who come later, and closes the connections")
    func shutDown() async throws {
        let transport = CurlTransport()
        let (asked, closed) = (Gate(), Gate())
        let server = try RawServer { connection, _ in
            _ = connection.request()
            asked.open()
            connection.waitForClose()
            closed.open()
        }
        let task = Task {
            await failure { () throws(TransferError) in
                try await transport.send(TransferRequest(method: .get, url: server.url))
            }
        }
        await asked.wait()
        transport.shutDown()
        transport.shutDown()
        let error = await task.value
        #expect(error?.kind == .shutDown)
        #expect(error?.mayHaveArrived == true)
        let later = await failure { () throws(TransferError) in
            try await transport.send(TransferRequest(method: .get, url: server.url))
        }
        #expect(later?.kind == .shutDown)
        #expect(later?.mayHaveArrived == false)
        await closed.wait()
    }

    @Test("a transport that nobody holds closes its connections")
    func forgotten() async throws {
        let closed = Gate()
        let server = try RawServer { connection, _ in
            _ = connection.request()
            connection.write(ok())
            connection.waitForClose()
            closed.open()
        }
        for _ in 0..<1 {
            let transport = CurlTransport()
            #expect(try await transport.send(TransferRequest(method: .get, url: server.url)).status == 200)
        }
        await closed.wait()
    }
}
