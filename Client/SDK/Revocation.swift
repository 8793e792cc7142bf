import HTTPTypes

extension Gatehouse {
    /// Ends a token, and the session that it belongs to (`POST /api/revoke`, RFC 7009). Whoever has a token may end it; one that
    /// is not known is ended already.
    ///
    /// - Parameter token: an access token or a refresh token.
    public func revoke(_ token: String) async throws(GatehouseError) {
        _ = try await send(Call(method: .post, target: "/api/revoke", form: [("token", token)]))
    }
}
