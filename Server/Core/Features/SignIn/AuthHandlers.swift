import GatehouseJSON
import GatehouseMessages

/// Turns HTTP into calls on `SignIn` and back, in the manner of the C3-PRO IDM; decides nothing itself.
struct AuthHandlers: Sendable {
    let signIn: SignIn
    /// Seconds that a token is good for.
    let lifetime: Int64
    let faults: Faults

    /// `POST /auth`
    @Sendable func signIn(_ call: Call, _: Anyone) async throws -> Answer {
        let body = try call.json()
        guard body.object != nil else {
            throw faults.breaksOnAnyBody
                ? Problem.internalError : .wrongType.saying("The body must be a JSON object.")
        }
        let token = try await signIn.begin(
            name: try body.requireString("username"), password: try body.requireString("password"),
            from: call.network, lifetime: lifetime
        ).token.text
        // The IDM calls it the one, CAP the other.
        let answer: JSONValue = ["access_token": .string(token), "jwt": .string(token)]
        return .json(answer.bytes())
    }
}
