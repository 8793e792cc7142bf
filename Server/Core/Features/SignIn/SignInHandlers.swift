import GatehouseJSON

/// Turns HTTP into calls on `SignIn` and back; decides nothing itself.
struct SignInHandlers: Sendable {
    let signIn: SignIn
    /// Seconds that a token of `/v1/auth` is good for.
    let lifetime: Int64

    /// `POST /v1/auth`
    @Sendable func begin(_ call: Call, _: Anyone) async throws -> Answer {
        let body = try call.jsonObject()
        let token = try await signIn.begin(
            name: try body.requireString("alias"), password: try body.requireString("password"), from: call.network,
            lifetime: lifetime
        ).token.text
        var writer = JSONWriter(reserving: token.utf8.count + 16)
        writer.raw("{\"jwt\":")
        writer.string(token)
        writer.raw("}")
        return .json(writer.bytes)
    }
}
