import Foundation
import GatehouseCore
import GatehouseJSON
import GatehouseMessages
import GatehousePasswords
import GatehouseTransfer
import HTTPTypes

/// A user of the study, as `POST /user` takes one.
struct NewUser: Sendable {
    let email: EmailAddress
    let isAdmin: Bool
}

enum UserFate: Equatable {
    case made, there
    /// In a sentence for the person who wants it.
    case refused(String)
}

/// Where users are made: in the store of this machine, or at a server that is asked as an admin.
protocol UserPlace {
    /// - Returns: why no user can have this password; nil when that is not known before.
    func objection(to password: String, of user: NewUser) -> String?
    func has(_ user: NewUser) async throws -> Bool
    /// - Throws: `Refusal` when there is no use in trying others.
    func add(_ user: NewUser, password: String) async throws -> UserFate
}

struct LocalUsers: UserPlace {
    let store: Store

    func objection(to password: String, of user: NewUser) -> String? {
        do {
            _ = try store.accounts.checkNewPassword(password, for: [.email(user.email)])
            return nil
        } catch { return error.title }
    }

    func has(_ user: NewUser) async throws -> Bool {
        do { _ = try await store.accounts.id(of: .email(user.email)) } catch AccountError.unknown { return false }
        return true
    }

    func add(_ user: NewUser, password: String) async throws -> UserFate {
        if try await has(user) { return .there }
        do {
            let password = try store.accounts.checkNewPassword(password, for: [.email(user.email)])
            try await store.accounts.create(
                email: user.email, alias: nil, password: password, roles: user.isAdmin ? [.staff, .admin] : [.staff],
                by: .commandLine)
        } catch AccountError.nameTaken {
            return .there
        } catch let problem as Problem {
            return .refused(problem.title)
        }
        return .made
    }
}

/// A server that speaks the IDM, ours or another.
final class RemoteUsers: UserPlace {
    private let url: String
    private let transport = CurlTransport()
    private let token: String

    /// Signs in.
    ///
    /// - Throws: `Refusal`.
    init(at text: String, allowsHTTP: Bool, admin: String, password: String) async throws {
        url = try Self.url(text, allowsHTTP: allowsHTTP)
        var request = TransferRequest(method: .post, url: url + "/auth")
        request.headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
        request.body = (["username": .string(admin), "password": .string(password)] as JSONValue).bytes()
        let answer = try await Self.send(request, transport, url)
        switch answer.status {
        case 200:
            guard let token = Self.json(answer)?["access_token"]?.string,
                token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
            else { throw Refusal(reason: "\(url) answers, but not as an IDM does.") }
            self.token = token
        case 401: throw Refusal(reason: "\(url) does not know this admin, or not with this password.")
        case 429:
            let wait = answer.header("Retry-After").map { " Try again in \($0) seconds." } ?? ""
            throw Refusal(reason: "\(url) has had too many failed sign-ins.\(wait)")
        default: throw Refusal(reason: "\(url) does not sign the admin in: \(Self.text(of: answer))")
        }
    }

    /// Ends the session that was begun for this. A server that knows no such thing lets it run out.
    func signOut() async {
        var request = TransferRequest(method: .delete, url: url + "/api/sessions/current")
        request.headers = [("Authorization", "Bearer \(token)")]
        _ = try? await transport.send(request)
    }

    func objection(to password: String, of user: NewUser) -> String? {
        // The rest is for the server to say.
        do { _ = try PasswordPolicy.default.usable(password) } catch { return error.description }
        return nil
    }

    func has(_ user: NewUser) async throws -> Bool {
        let name = user.email.text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let answer = try await send(request(.get, "/user/\(name)"))
        switch answer.status {
        case 200: return true
        case 404: return false
        default: throw stop(answer)
        }
    }

    func add(_ user: NewUser, password: String) async throws -> UserFate {
        var request = request(.post, "/user")
        request.body =
            (["username": .string(user.email.text), "password": .string(password), "admin": .bool(user.isAdmin)]
            as JSONValue).bytes()
        request.headers.append(("Content-Type", "application/json"))
        let answer = try await send(request)
        switch answer.status {
        case 200, 201: return .made
        case 409: return .there
        case 400: return .refused(Self.text(of: answer))
        default: throw stop(answer)
        }
    }

    // MARK: Requests

    private func request(_ method: HTTPRequest.Method, _ path: String) -> TransferRequest {
        TransferRequest(
            method: method, url: url + path,
            headers: [("Authorization", "JWT \(token)"), ("Accept", "application/json")])
    }

    /// Comes back a few times when the server says that it is busy.
    private func send(_ request: TransferRequest) async throws -> TransferResponse {
        for _ in 0..<20 {
            let answer = try await Self.send(request, transport, url)
            guard [429, 503].contains(answer.status), let wait = answer.header("Retry-After").flatMap({ Int($0) }),
                (0...60).contains(wait)
            else { return answer }
            try await Task.sleep(for: .seconds(max(1, wait)))
        }
        return try await Self.send(request, transport, url)
    }

    private static func send(
        _ request: TransferRequest, _ transport: CurlTransport, _ url: String
    ) async throws -> TransferResponse {
        do { return try await transport.send(request) } catch {
            throw Refusal(reason: "\(url) cannot be reached: \(error.message).")
        }
    }

    private func stop(_ answer: TransferResponse) -> Refusal {
        switch answer.status {
        case 401: Refusal(reason: "\(url) no longer takes the admin's token. What was made until now stays.")
        case 403: Refusal(reason: "The account is no admin at \(url), so it makes no users there.")
        default: Refusal(reason: "\(url) does not do it: \(Self.text(of: answer))")
        }
    }

    private static func json(_ answer: TransferResponse) -> JSONValue? { try? JSONValue(parsing: answer.body) }

    /// The server's own words, without what could disturb a terminal.
    private static func text(of answer: TransferResponse) -> String {
        let body = json(answer)
        let words = body?["error"]?["message"]?.string ?? body?["message"]?.string ?? body?["title"]?.string
        let plain = words.map { String($0.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }.prefix(300)) }
        return plain.map { "\($0) (\(answer.status))" } ?? "it answers \(answer.status)"
    }

    /// A password goes in the clear only to this machine, unless that is allowed.
    private static func url(_ text: String, allowsHTTP: Bool) throws -> String {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.host, !host.isEmpty, parts.user == nil,
            parts.query == nil, parts.fragment == nil
        else {
            // What is wrong stays unquoted when it may hold a password.
            let shown = text.contains("@") ? "this" : text
            throw Refusal(reason: "--server: \(shown) is not a URL such as https://idm.example.com.", exitCode: 2)
        }
        let isHere =
            host == "localhost" || host == "::1" || host == "[::1]" || host.wholeMatch(of: #/127(\.\d+){3}/#) != nil
        guard scheme == "https" || isHere || allowsHTTP else {
            throw Refusal(
                reason:
                    "--server: \(text) would send the password in the clear. Use https, or --insecure-http in a network "
                    + "that you trust.", exitCode: 2)
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}
