import Foundation
import GatehouseJSON
import HTTPTypes

/// One sign-in of the account, as the server sees it.
public struct Session: Sendable, Equatable, Identifiable {
    /// Names it in `endSession`.
    public let id: String
    /// When it began, Unix seconds by the server's clock.
    public let createdAt: Int64
    /// When it was used last, as far as the server keeps that; Unix seconds by the server's clock.
    public let lastUsedAt: Int64?
    /// When it ends at the latest, Unix seconds by the server's clock.
    public let expiresAt: Int64
    /// Whether this client's own calls belong to it.
    public let isCurrent: Bool
}

extension Gatehouse {
    /// The account's sessions (`GET /api/sessions`), the one of this client among them.
    public func sessions() async throws(GatehouseError) -> [Session] {
        var sessions: [Session] = []
        var target = "/api/sessions"
        while true {
            let page = try await send(Call(method: .get, target: target, authorization: .token)).json()
            guard let items = page["items"]?.array else { throw .unexpectedAnswer("it has no items") }
            let own = UnverifiedToken(try await accessToken().text)?.session
            for item in items { sessions.append(try Session(item, own: own)) }
            guard let next = page["next"]?.string, !items.isEmpty else { return sessions }
            target = "/api/sessions?after=\(Percent.encode(next))"
        }
    }

    /// Ends one of the account's sessions (`DELETE /api/sessions/{id}`); its tokens open nothing any more.
    ///
    /// - Throws: code `unknown_session`.
    public func endSession(_ id: String) async throws(GatehouseError) {
        _ = try await send(
            Call(
                method: .delete, target: "/api/sessions/\(Percent.encode(id))", authorization: .token,
                doneCode: "unknown_session"))
    }
}

extension Session {
    init(_ value: JSONValue, own: String?) throws(GatehouseError) {
        guard let id = value["id"]?.string, let createdAt = Self.date(value["created"]),
            let expiresAt = Self.date(value["expires"])
        else { throw .unexpectedAnswer("a session has no id, created or expires") }
        self.id = id
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        lastUsedAt = Self.date(value["last_used"])
        isCurrent = id == own
    }

    /// Unix seconds of a time as RFC 3339 writes it, with or without fractions of a second.
    private static func date(_ value: JSONValue?) -> Int64? {
        guard let text = value?.string else { return nil }
        let date =
            (try? Date.ISO8601FormatStyle().parse(text))
            ?? (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
        return date.map { Int64($0.timeIntervalSince1970) }
    }
}
