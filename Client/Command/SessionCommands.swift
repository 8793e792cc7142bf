import ArgumentParser
import Foundation
import GatehouseClient

/// `gatehouse-client sessions`
struct ListSessions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions", abstract: "Show where one is signed in.",
        discussion: "A line for each session: its id, when it began, when it ends at the latest; * is this one.")

    @Flag(help: "Print a JSON array.")
    var json = false
    @OptionGroup var options: SignedInOptions

    func run() async throws {
        let sessions = try await options.gatehouse().gatehouse.sessions()
        if json {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
            print(String(decoding: try encoder.encode(sessions.map { Entry($0) }), as: UTF8.self))
        } else {
            for session in sessions {
                let times = "\(Terminal.time(session.createdAt))  \(Terminal.time(session.expiresAt))"
                Terminal.write("\(session.isCurrent ? "*" : " ") \(session.id)  \(times)")
            }
        }
    }

    private struct Entry: Encodable {
        let id: String
        let created: String
        let lastUsed: String?
        let expires: String
        let current: Bool

        init(_ session: Session) {
            id = session.id
            created = Terminal.time(session.createdAt)
            lastUsed = session.lastUsedAt.map(Terminal.time)
            expires = Terminal.time(session.expiresAt)
            current = session.isCurrent
        }
    }
}

/// `gatehouse-client end-session ID`
struct EndSession: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End one of one's sessions.", discussion: "To end the session of these commands, use logout.")

    @Argument(help: "As the command sessions shows it.")
    var id: String
    @OptionGroup var options: SignedInOptions

    func run() async throws {
        try await options.gatehouse().gatehouse.endSession(id)
        Terminal.write("The session \(id) has ended.")
    }
}
