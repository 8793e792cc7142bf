import Foundation
import GatehouseClient
import GatehouseCryptography
import GatehouseTestSupport
import HTTPSignatures
import Synchronization
import Testing

@Suite("Bodies that are read while they are sent", .timeLimit(.minutes(5)))
struct StreamedBodyTests {
    /// A server that takes bodies in, piece by piece, and keeps only what they amount to.
    final class Sink: Sendable {
        private final class State: Sendable {
            let seen = Mutex((head: "", count: 0, digest: [UInt8]()))
            let mayRead = Atomic(true)
        }

        private let state = State()
        private let server: RawServer

        /// - Parameter reads: whether it begins at once.
        init(reads: Bool = true) throws {
            let state = state
            state.mayRead.store(reads, ordering: .releasing)
            server = try RawServer { connection, _ in
                while !state.mayRead.load(ordering: .acquiring) { Thread.sleep(forTimeInterval: 0.01) }
                guard let head = connection.head() else { return }
                state.seen.withLock { $0.head = head }
                let length = head.lowercased().components(separatedBy: "\r\ncontent-length: ").dropFirst().first
                var left = length.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
                let hash = RunningDigest()
                while left > 0, let piece = connection.piece() {
                    hash.add(piece)
                    left -= piece.count
                    state.seen.withLock { $0.count += piece.count }
                }
                let digest = hash.finish()
                state.seen.withLock { $0.digest = digest }
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }

        var url: String { server.url }
        var head: String { state.seen.withLock { $0.head } }
        var count: Int { state.seen.withLock { $0.count } }
        var digest: [UInt8] { state.seen.withLock { $0.digest } }
        func read() { state.mayRead.store(true, ordering: .releasing) }
    }

    /// 64 MiB in pieces of 64 KiB, each another; never in memory as a whole.
    private struct Source: Sendable {
        let pieces = 1024
        let given = Given()

        final class Given: Sendable {
            let value = Atomic(0)
            let passes = Atomic(0)
        }

        var length: Int64 { Int64(pieces) * 65_536 }

        func body(length: Int64? = nil, sha256: [UInt8]? = nil) -> RequestBody {
            let (given, pieces) = (given, pieces)
            return .streamed(
                StreamedBody(length: length, sha256: sha256) { take in
                    given.passes.add(1, ordering: .relaxed)
                    given.value.store(0, ordering: .relaxed)
                    for number in 0..<pieces {
                        try await take([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 65_536))
                        given.value.add(65_536, ordering: .relaxed)
                    }
                })
        }

        var digest: [UInt8] {
            let hash = RunningDigest()
            for number in 0..<pieces { hash.add([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 65_536)) }
            return hash.finish()
        }
    }

    private func client(_ url: String, _ family: String = "cavage") throws -> Gatehouse {
        // As long as it takes beside seven other tests.
        try Gatehouse(
            server: url, credential: .signature(.of(family, try .shared())),
            transport: LibcurlTransport(timeout: .seconds(240)))
    }

    @Test("64 MiB arrive whole, with their length and digest signed before", arguments: SigningPolicy.families)
    func whole(family: String) async throws {
        let sink = try Sink()
        let source = Source()
        let answer = try await client(sink.url, family).send("POST", "/x", body: source.body())
        #expect(answer.status == 200)
        #expect(sink.count == Int(source.length) && sink.digest == source.digest)
        #expect(source.given.passes.load(ordering: .relaxed) == 2, "once for the digest, once to send")
        #expect(sink.head.contains(Base64.encode(source.digest)))
        #expect(sink.head.contains("Content-Length: \(source.length)\r\n"))
    }

    @Test("with a length and a digest given in advance it is read once, and never far ahead of the server")
    func ahead() async throws {
        let sink = try Sink(reads: false)
        let source = Source()
        let gatehouse = try client(sink.url)
        async let answer = gatehouse.send(
            "PUT", "/x", body: source.body(length: source.length, sha256: source.digest))
        // Until it has begun and nothing moves any more, since the server does not read.
        var before = 0
        while before == 0 || source.given.value.load(ordering: .relaxed) != before {
            before = source.given.value.load(ordering: .relaxed)
            try await Task.sleep(for: .milliseconds(500))
        }
        // The sockets' buffers hold some megabytes, the SDK a quarter of one.
        #expect((1..<24 << 20).contains(before), "\(before) octets were read ahead")
        sink.read()
        #expect(try await answer.status == 200)
        #expect(sink.digest == source.digest && source.given.passes.load(ordering: .relaxed) == 1)
    }

    @Test("a file is sent as it is; what is none is refused at once")
    func file() async throws {
        let folder = try Folder(["body": String(repeating: "0123456789", count: 20_000), "empty": ""])
        for name in ["body", "empty"] {
            let sink = try Sink()
            #expect(try await client(sink.url).send("PUT", "/", body: .file(folder.path(name))).status == 200)
            #expect(sink.digest == Digest.sha256(Array(try folder.text(name).utf8)))
        }
        for path in ["/nowhere", folder.path(""), "/dev/zero"] {
            let error = await failure { () throws(GatehouseError) in try RequestBody.file(path) }
            #expect(error == .invalidArgument("\(path) is no file that can be read."))
        }
    }

    @Test("a sequence of pieces is a body too")
    func sequence() async throws {
        let sink = try Sink()
        let body = StreamedBody {
            AsyncStream { stream in
                for word in ["some", "", " ", "words"] { stream.yield(Array(word.utf8)) }
                stream.finish()
            }
        }
        #expect(try await client(sink.url).send("POST", "/", body: .streamed(body)).status == 200)
        #expect(sink.digest == Digest.sha256(Array("some words".utf8)))
    }

    private struct Broken: Error {}

    @Test("a body that is not as long as it says, or breaks off, is an error")
    func broken() async throws {
        let sink = try Sink()
        let gatehouse = try client(sink.url)
        let sha256 = [UInt8](repeating: 0, count: 32)
        for body in [
            StreamedBody(length: 3) { try await $0([1]) }, StreamedBody { _ in throw Broken() },
            StreamedBody(sha256: [1]) { _ in },
        ] {
            let error = await failure { () throws(GatehouseError) in
                try await gatehouse.send("POST", "/", body: .streamed(body))
            }
            guard case .invalidArgument = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
        #expect(sink.head.isEmpty, "nothing was sent")
        for body in [
            StreamedBody(length: 3, sha256: sha256) { try await $0([1]) },
            StreamedBody(length: 3, sha256: sha256) { try await $0([1, 2, 3, 4]) },
            StreamedBody(length: 3, sha256: sha256) { take in
                try await take([1])
                throw Broken()
            },
        ] {
            let error = await failure { () throws(GatehouseError) in
                try await gatehouse.send("POST", "/", body: .streamed(body))
            }
            guard case .unreachable(let failure) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(failure.kind == .invalidRequest && failure.description.contains("body"), "\(failure)")
        }
    }

    @Test("a server that refuses before it has everything is heard")
    func early() async throws {
        let server = try RawServer { connection, _ in
            _ = connection.head()
            connection.write("HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.waitForClose()
        }
        let source = Source()
        let answer = try await client(server.url).send(
            "POST", "/", body: source.body(length: source.length, sha256: source.digest))
        #expect(answer.status == 413)
    }

    @Test("cancelling the task ends the reading")
    func cancel() async throws {
        let sink = try Sink(reads: false)
        let source = Source()
        let gatehouse = try client(sink.url)
        let task = Task {
            await failure { () throws(GatehouseError) in
                try await gatehouse.send("PUT", "/x", body: source.body(length: source.length, sha256: source.digest))
            }
        }
        while source.given.value.load(ordering: .relaxed) == 0 { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        #expect(await task.value == .cancelled)
        sink.read()
    }
}
