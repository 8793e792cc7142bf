import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import HTTPTypes

/// Turns HTTP into calls on `SignIn` and back, in the manner of the C3-PRO IDM and of flaskCCAP, which share a path; decides
/// nothing itself.
struct AuthHandlers: Sendable {
    let signIn: SignIn
    let hosted: HostedDomains
    /// Seconds that a token of the IDM is good for, and one of CAP.
    let lifetime: Int64
    let capLifetime: Int64
    let faults: Faults

    /// `POST /auth`: on the host of a hosted domain a bare username is CAP's; every other name, and everything elsewhere, the
    /// IDM's.
    @Sendable func signIn(_ call: Call, _: Anyone) async throws -> Answer {
        let domain = try await hosted.domain(of: call)
        let (username, password) = try credentials(of: call)
        if let domain, !username.utf8.contains(where: "@$".utf8.contains) {
            return try await beginAtCAP(username, domain.name, password, call)
        }
        do { return try await begin(username, password, call, lifetime) } catch let problem as Problem {
            // Whoever signs in to the IDM reads its words, under whichever host.
            return Door.idm.answer(to: problem, accept: call.headers[.accept])
        }
    }

    /// `POST /ccap/auth`
    @Sendable func signInToCAP(_ call: Call, _: Anyone) async throws -> Answer {
        let domain = try await hosted.domain(of: call)
        let (username, password) = try credentials(of: call)
        // Of a host without domain nobody is known, which takes as long as a wrong password.
        return try await beginAtCAP(username, domain?.name ?? call.original.hostName, password, call)
    }

    private func beginAtCAP(
        _ username: String, _ domain: String, _ password: String, _ call: Call
    ) async throws -> Answer {
        var name = (try? Alias(username: username, domain: domain))?.text ?? "\(username)$\(domain)"
        #if DEBUG
        if let first = try await faults.firstToSignIn(in: domain, signIn.database) { name = first }
        #endif
        return try await begin(name, password, call, capLifetime)
    }

    private func credentials(of call: Call) throws -> (username: String, password: String) {
        let body = try call.json()
        guard body.object != nil else {
            throw faults.breaksOnAnyBody
                ? Problem.internalError : .wrongType.saying("The body must be a JSON object.")
        }
        return (try body.requireString("username"), try body.requireString("password"))
    }

    private func begin(_ name: String, _ password: String, _ call: Call, _ lifetime: Int64) async throws -> Answer {
        let token = try await signIn.begin(
            name: name, password: password, from: call.network, lifetime: lifetime
        ).token.text
        // The IDM calls it the one, CAP the other.
        let answer: JSONValue = ["access_token": .string(token), "jwt": .string(token)]
        return .json(answer.bytes())
    }
}
