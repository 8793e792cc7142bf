import Foundation
import Glibc

/// The server as its users start it: how soon it answers, what memory it takes, and what it does under load beside
/// nginx and bare hashing.
///
/// - Parameter seconds: how long each loop runs, all its turns together.
func programBenchmarks(seconds: Double) async throws -> [Row] {
    try await withTemporaryFolder { folder in
        let program = ProgramBenchmark(seconds: seconds, folder: folder)
        let readiness = try await program.readiness()
        let server = try await program.start()
        try await program.prepare()
        let idle = try server.tool.megabytes()
        let besideNginx = try await program.lookUpsBesideNginx(server.url)
        let loaded = try server.tool.megabytes()
        let signIns = try await program.signIns(server.url)
        let hashed = try server.tool.megabytes()
        try await server.tool.stop()
        let threads = ProgramBenchmark.hashingThreads
        let hashing = Double(threads * 19 << 20) / 1_000_000
        return [readiness] + besideNginx + signIns + [
            Row(name: "memory idle, MB", value: idle, target: "below 25", note: "resident, after the first commands"),
            Row(name: "memory after look-ups, MB", value: loaded, target: "below 60", note: "resident"),
            Row(
                name: "memory after sign-ins, MB", value: hashed,
                target: String(format: "below %.0f", 60 + hashing),
                note: "resident; 60 and 19 MiB for each of \(threads) hashing threads"),
        ]
    }
}

private struct ProgramBenchmark {
    let seconds: Double
    let folder: URL
    static let rounds = 4

    /// As many as the server starts by default.
    static let hashingThreads = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    private var turn: Double { seconds / Double(Self.rounds) }
    private var gatehouse: String {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "gatehouse").path
    }

    func start() async throws -> (tool: Tool, url: String) {
        let tool = try await Tool(gatehouse, ["serve", "--port", "0", "--test-limits"], in: folder)
        let line = try await tool.firstLine()
        guard let url = line.split(separator: " ").last, url.hasPrefix("http") else {
            throw Tool.Failed(description: "the server did not become ready: \(line)")
        }
        return (tool, String(url))
    }

    /// With a store to make at the first start, and with one that is there.
    func readiness() async throws -> Row {
        var times: [Double] = []
        for _ in 0..<7 {
            let began = ContinuousClock.now
            let server = try await start()
            times.append((ContinuousClock.now - began) / .milliseconds(1))
            try await server.tool.stop()
        }
        return Row(
            name: "start to ready, ms", value: times.median, target: "below 100",
            note: String(format: "median of 7 starts; the first, which makes the store, %.0f", times[0]))
    }

    func prepare() async throws {
        try Data(BenchmarkAccount.password.utf8).write(to: folder.appending(path: "password"))
        _ = try await Tool(gatehouse, ["domain", "add", "bench.test"], in: folder).result()
        for alias in BenchmarkAccount.aliases {
            _ = try await Tool(gatehouse, ["user", "add", alias, "--password-file", "password"], in: folder).result()
        }
    }

    /// nginx answers the same octets from memory: as fast as an HTTP server on this machine gets.
    func lookUpsBesideNginx(_ url: String) async throws -> [Row] {
        let token = try await BenchmarkAccount.signIn(at: url)
        _ = try await BenchmarkAccount.put(to: url, token: token).run(connections: 1, seconds: 1, in: folder)
        let nginx = try await Nginx(answering: 87, in: folder)
        let lookUp = BenchmarkAccount.lookUp(at: url)
        let health = WrkRequest(url: url + "/health")
        var (lookUps, healths, statics) = ([Double](), [Double](), [Double]())
        for _ in 0..<Self.rounds {
            lookUps.append(try await lookUp.run(connections: 32, seconds: turn, in: folder).perSecond)
            healths.append(try await health.run(connections: 32, seconds: turn, in: folder).perSecond)
            statics.append(try await nginx.request.run(connections: 32, seconds: turn, in: folder).perSecond)
        }
        try await nginx.tool.stop()
        return [
            Row(
                name: "GET /v1/addresses / nginx return 200", value: lookUps.median / statics.median,
                target: "0.17 or more", note: "\(rate(lookUps.median)) against \(rate(statics.median)), 32 connections"),
            Row(
                name: "GET /v1/addresses / GET /health", value: lookUps.median / healths.median,
                note: "\(rate(lookUps.median)) against \(rate(healths.median)), 32 connections"),
        ]
    }

    /// Sign-ins beside bare hashing, and look-ups beside sign-ins.
    func signIns(_ url: String) async throws -> [Row] {
        let signIn = BenchmarkAccount.signIn(to: url)
        let lookUp = BenchmarkAccount.lookUp(at: url)
        let clients = Self.hashingThreads * 2
        var (bare, signIns, idle, busy, elsewhere) = ([Double](), [Double](), [Double](), [Double](), [Double]())
        for _ in 0..<Self.rounds {
            bare.append(await bareHashes(threads: Self.hashingThreads, seconds: max(1, turn)))
            signIns.append(try await signIn.run(connections: clients, seconds: turn, in: folder).perSecond)
            idle.append(try await lookUp.run(connections: 4, seconds: turn, in: folder).p99)
            let load = try await signIn.start(connections: clients, seconds: turn + 1, in: folder)
            try await Task.sleep(for: .milliseconds(500))
            busy.append(try await lookUp.run(connections: 4, seconds: turn, in: folder).p99)
            _ = try await load.result()
            async let hashes = bareHashes(threads: Self.hashingThreads, seconds: max(1, turn), niceness: 5)
            elsewhere.append(try await lookUp.run(connections: 4, seconds: turn, in: folder).p99)
            _ = await hashes
        }
        return [
            Row(
                name: "POST /v1/auth / bare hashing", value: signIns.median / bare.median, target: "0.9 or more",
                note: "\(rate(signIns.median)) against \(rate(bare.median)) of libsodium, "
                    + "\(Self.hashingThreads) threads each"),
            Row(
                name: "p99 of GET /v1/addresses beside sign-ins / alone", value: busy.median / idle.median,
                target: "4 or less",
                note: String(format: "%.2f ms against %.2f ms, 4 connections", busy.median, idle.median)),
            Row(
                name: "p99 of GET /v1/addresses beside sign-ins / beside another program's hashing",
                value: busy.median / elsewhere.median,
                note: String(format: "%.2f ms against %.2f ms, both of low priority", busy.median, elsewhere.median)),
        ]
    }
}

/// nginx with `return 200`.
private struct Nginx {
    let tool: Tool
    let request: WrkRequest

    /// - Parameter size: octets of the body.
    init(answering size: Int, in folder: URL) async throws {
        let port = 20_000 + Int(getpid()) % 20_000
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder.path)/nginx;" }.joined(separator: " ")
        let configuration = """
            daemon off; worker_processes auto; pid \(folder.path)/nginx.pid; error_log stderr;
            events { worker_connections 512; }
            http {
                access_log off; keepalive_requests 1000000000; \(temporary)
                server {
                    listen 127.0.0.1:\(port);
                    location / { default_type application/json; return 200 "\(String(repeating: "x", count: size))"; }
                }
            }
            """
        let file = folder.appending(path: "nginx.conf")
        try Data(configuration.utf8).write(to: file)
        tool = try await Tool("nginx", ["-e", "stderr", "-c", file.path], in: folder)
        request = WrkRequest(url: "http://127.0.0.1:\(port)/")
        for _ in 0..<100 {
            if (try? await request.run(connections: 1, seconds: 1, in: folder)) != nil { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Tool.Failed(description: "nginx does not answer")
    }
}
