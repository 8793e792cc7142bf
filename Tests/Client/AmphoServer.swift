import Foundation
import GatehouseClient
import GatehouseTestSupport
import Synchronization

/// A server's side of the Ampho door, as small as it can be: one account, sessions, refresh tokens that rotate.
///
/// A rotated refresh token that comes again ends its session, except with the key that it came with and before its successor
/// was used. So a client that does anything wrong is thrown out.
final class AmphoServer: Sendable {
    struct Request {
        let method: String
        let path: String
        let headers: [(name: String, value: String)]
        let body: [UInt8]

        func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
    }

    private struct Rotation {
        let session: Int
        var key: String?
        var answer: String?
        var isUsed = false
    }

    private struct State {
        var sessions: Set<Int> = []
        var refreshTokens: [String: Rotation] = [:]
        var tokens: [String: (session: Int, expiresAt: Double)] = [:]
        var counts: [String: Int] = [:]
        var keys: [String] = []
        var number = 0
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> Double
    private let life: Double
    private let sendsDate: Bool

    init(life: Double = 900, sendsDate: Bool = true, now: @escaping @Sendable () -> Double) {
        self.life = life
        self.sendsDate = sendsDate
        self.now = now
    }

    static let password = "correct horse battery"

    /// How often this was answered with this, such as `login 200`.
    func count(_ what: String) -> Int { state.withLock { $0.counts[what] ?? 0 } }
    /// All that was answered.
    var counts: [String: Int] { state.withLock { $0.counts } }
    /// The idempotency keys of renewals, in order.
    var keys: [String] { state.withLock { $0.keys } }
    /// How many sessions live.
    var sessionCount: Int { state.withLock { $0.sessions.count } }

    /// Ends all sessions.
    func endSessions() { state.withLock { $0.sessions = [] } }

    func answer(_ request: Request) -> TransportResponse {
        let now = now()
        return state.withLock { state in
            var response = Self.answer(request, &state, now: now, life: life)
            let outcome = "\(request.path.split(separator: "/").last ?? "") \(response.status)"
            state.counts[outcome, default: 0] += 1
            if sendsDate { response.headers.append(("Date", Self.date(now))) }
            return response
        }
    }

    private static func answer(
        _ request: Request, _ state: inout State, now: Double, life: Double
    ) -> TransportResponse {
        let bearer = request.header("Authorization").map { String($0.dropFirst("Bearer ".count)) } ?? ""
        let text = String(decoding: request.body, as: UTF8.self)
        switch request.path {
        case "/api/security/login":
            guard text.contains(password) else { return .refusal(401, code: "invalid_credentials") }
            state.number += 1
            state.sessions.insert(state.number)
            return .json(grant(&state, session: state.number, now: now, life: life))
        case "/api/security/renew":
            let key = request.header("Idempotency-Key")
            state.keys.append(key ?? "none")
            guard var rotation = state.refreshTokens[bearer], state.sessions.contains(rotation.session) else {
                return .refusal(401, code: "invalid_token")
            }
            if let answer = rotation.answer {
                guard let key, key == rotation.key, !rotation.isUsed else {
                    state.sessions.remove(rotation.session)
                    return .refusal(401, code: "invalid_token")
                }
                return .json(answer)
            }
            // Its predecessor cannot be presented again, now that this one was.
            for (name, other) in state.refreshTokens where other.answer?.contains("\"\(bearer)\"") == true {
                state.refreshTokens[name]?.isUsed = true
            }
            let answer = grant(&state, session: rotation.session, now: now, life: life)
            rotation.key = key
            rotation.answer = answer
            state.refreshTokens[bearer] = rotation
            return .json(answer)
        case "/api/revoke":
            let token = text.split(separator: "=").last.map { String($0) } ?? ""
            if let session = state.refreshTokens[token]?.session ?? state.tokens[token]?.session {
                state.sessions.remove(session)
            }
            return .json("{}")
        default:
            guard let token = state.tokens[bearer], state.sessions.contains(token.session) else {
                return .refusal(401, code: "invalid_token")
            }
            guard now < token.expiresAt else { return .refusal(401, code: "expired_token") }
            return .json("{}")
        }
    }

    private static func grant(_ state: inout State, session: Int, now: Double, life: Double) -> String {
        state.number += 1
        let (token, refreshToken) = ("access-\(state.number)", "refresh-\(state.number)")
        state.tokens[token] = (session, now + life)
        state.refreshTokens[refreshToken] = Rotation(session: session)
        let times = "\"ttl\":\(Int(life)),\"leeway\":60,\"starts\":\(Int(now)),\"expires\":\(Int(now + life))"
        return "{\"token\":\"\(token)\",\(times),\"refresh_token\":\"\(refreshToken)\"}"
    }

    private static func date(_ now: Double) -> String {
        let style = Date.VerbatimFormatStyle(
            format: """
                \(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .defaultDigits) \
                \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\
                \(second: .twoDigits) GMT
                """, locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt,
            calendar: Calendar(identifier: .gregorian))
        return Date(timeIntervalSince1970: now).formatted(style)
    }
}

extension AmphoServer {
    /// Answers without a network.
    ///
    /// - Parameter wire: what becomes of the answer to each request, such as being lost; the server has done it by then.
    func transport(
        wire:
            @escaping @Sendable (TransportRequest, TransportResponse) async throws(TransportFailure)
            -> TransportResponse = { $1 }
    ) -> ScriptedTransport {
        ScriptedTransport { request throws(TransportFailure) in
            let path = request.url.replacing("https://id.example.org", with: "")
            let response = self.answer(
                Request(method: request.method, path: path, headers: request.headers, body: request.body ?? []))
            return try await wire(request, response)
        }
    }

    /// Answers on a port of this machine.
    func listening(
        wire: @escaping @Sendable (ScriptedServer.Request, ScriptedServer.Answer) -> ScriptedServer.Answer = { $1 }
    ) throws -> ScriptedServer {
        try ScriptedServer { request in
            let response = self.answer(
                Request(
                    method: request.method, path: request.target, headers: request.headers, body: request.body))
            return wire(
                request,
                .http(
                    response.status, headers: response.headers, body: String(decoding: response.body, as: UTF8.self)))
        }
    }
}
