import Foundation
import GatehouseAuth
import HTTPSignatures
import Hummingbird

/// The quickstart of Flask-Cavage: a page for everybody, and one for programs that sign what they ask.
@main
struct Hello {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let port = Int(arguments[1]) else {
            print("usage: GatehouseHelloExample PORT FILE, where FILE keeps what was accepted, such as 5000 seen.txt")
            exit(2)
        }
        let seen = try SeenFile(path: arguments[2])
        // They could be in a file or a database. `allowsWeak`, because these two are shorter than secrets should be.
        let secrets = ["access_key_1": "123456789", "access_key_2": "4381326329"]

        let rules = SignatureRules(
            scheme: "http", replay: ReplayCheck { try await seen.isNew($0, until: $1) }, readsMayRepeat: true,
            keys: { id in
                guard let secret = secrets[id] else { return [] }
                return [try SignatureKey(id: id, secret: Array(secret.utf8), allowsWeak: true)]
            },
            owner: { id in KeyOwner(subject: id) })

        let router = Router(context: BasicCallerContext.self)
        router.get("hello_world") { _, _ in "Hello, World!" }

        let signed = router.group("hello_world_private").authorize(rules)
        signed.get { _, _ in "Hello, world!" }
        signed.post { request, context in
            let text = try await request.body.collect(upTo: context.maxUploadSize)
            return "Hello, world! \(context.caller.subject) says: \(String(buffer: text))"
        }

        try await Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
            .runService()
    }
}

/// Remembers in a file what was accepted, a line each, so that a restart forgets nothing.
private actor SeenFile {
    private var ends: [String: Int64] = [:]
    private let file: FileHandle

    init(path: String) throws {
        let now = Int64(Date.now.timeIntervalSince1970)
        if FileManager.default.fileExists(atPath: path) {
            for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count == 2, let end = Int64(words[0]), end >= now else { continue }
                ends[String(words[1])] = end
            }
        }
        // Without the lines whose time is over, and without half a line that a crash left.
        let kept = ends.map { "\($0.value) \($0.key)\n" }.joined()
        try kept.write(toFile: path, atomically: true, encoding: .utf8)
        file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
    }

    func isNew(_ identity: [UInt8], until end: Int64) throws -> Bool {
        let name = Data(identity).base64EncodedString()
        guard ends[name] == nil else { return false }
        ends[name] = end
        try file.write(contentsOf: Data("\(end) \(name)\n".utf8))
        try file.synchronize()
        return true
    }
}
