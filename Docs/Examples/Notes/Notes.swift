import Foundation
import GatehouseAuth
import GatehouseAuthRemote
import Hummingbird

/// Keeps the notes of people who sign in at a Gatehouse server, for each their own. In memory: this is an example.
@main
struct Notes {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let port = Int(arguments[3]) else {
            print(
                "usage: GatehouseNotesExample SERVER ISSUER PORT, such as https://id.example.org https://id.example.org 8080"
            )
            exit(2)
        }
        let keys: KeySource
        do { keys = try .remote(arguments[1] + "/.well-known/jwks.json") } catch {
            print(error)
            exit(2)
        }
        let rules = TokenRules(keys: keys, issuer: arguments[2], audience: "notes")
        let shelf = Shelf()

        let router = Router(context: BasicCallerContext.self)
        router.get("/") { _, _ in "Sign in for the audience \"notes\", then ask for /notes." }

        let notes = router.group("notes").authorize(rules)
        notes.get { _, context in await shelf.notes(of: context.caller.subject) }
        notes.post { request, context in
            let text = try await request.body.collect(upTo: 1000)
            await shelf.add(String(buffer: text), of: context.caller.subject)
            return HTTPResponse.Status.created
        }

        // Tokens of Gatehouse have the account's roles as their scope.
        router.group("people").authorize(rules, requiring: "admin").get { _, _ in await shelf.people }

        try await Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
            .runService()
    }
}

private actor Shelf {
    private var notes: [String: [String]] = [:]

    func add(_ note: String, of person: String) { notes[person, default: []].append(note) }

    func notes(of person: String) -> String { notes[person, default: []].map { $0 + "\n" }.joined() }

    var people: String { "People with notes: \(notes.count)\n" }
}
