import HTTPTypes

extension Gatehouse {
    /// Sends a request of one's own, to whatever the server has: signed, or with a token, if the client has a credential.
    ///
    /// Sent again, signed anew, where that is safe: after a broken connection when the method's meaning allows it (RFC 9110
    /// §9.2.2), after a refused clock or token, and when the server said 429 or 503 and for how long.
    ///
    /// - Parameters:
    ///   - method: `GET`, `POST`, …
    ///   - target: path and query, percent-encoded, from the slash on.
    ///   - headers: in order. Those that a signature or the transport makes are refused.
    ///   - body: nil for none.
    /// - Returns: the answer, whatever its status.
    /// - Throws: when no answer came, when it is not the server's own (`.unverifiedAnswer`), or when the request cannot be sent.
    public func send(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: RequestBody? = nil
    ) async throws(GatehouseError) -> TransportResponse {
        try await answer(to: try ownCall(method, target, headers, body)).response
    }

    /// Signs a request of one's own without sending it, for `send(_:)` or for another way to the server.
    ///
    /// - Throws: `.invalidArgument` when it cannot be signed; so also without a signing policy.
    public func signed(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: RequestBody? = nil
    ) async throws(GatehouseError) -> SignedRequest {
        guard let signing else { throw .invalidArgument("This client has no key to sign with.") }
        let call = try ownCall(method, target, headers, body)
        let body = try await call.payload?.body.measured(hashing: true)
        return try signing.sign(request(call, body), body, now: serverTime)
    }

    /// Sends a signed request as it is, and only once.
    ///
    /// - Returns: the answer, whatever its status.
    /// - Throws: when no answer came, or it is not the server's own (`.unverifiedAnswer`).
    public func send(_ signed: SignedRequest) async throws(GatehouseError) -> TransportResponse {
        guard signed.request.url.hasPrefix(server + "/") else {
            throw .invalidArgument("The request was signed for another server.")
        }
        let answer: TransportResponse
        do throws(TransportFailure) { answer = try await transport.send(signed.request) } catch {
            throw error.kind == .cancelled ? .cancelled : .unreachable(error)
        }
        try accept(answer, to: signed.request)
        return answer
    }

    private func ownCall(
        _ method: String, _ target: String, _ headers: [(name: String, value: String)], _ body: RequestBody?
    ) throws(GatehouseError) -> Call {
        guard let method = HTTPRequest.Method(method) else {
            throw .invalidArgument("\"\(method)\" is no method of HTTP.")
        }
        guard target.hasPrefix("/"), target.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") })
        else { throw .invalidArgument("\"\(target)\" is no path such as /me?all=1, percent-encoded.") }
        guard method != .head || body == nil else { throw .invalidArgument("HEAD has no body.") }
        for name in ["Host", "Authorization", "Content-Length", "Transfer-Encoding"]
        where headers.contains(where: { $0.name.lowercased() == name.lowercased() }) {
            throw .invalidArgument("\(name) cannot be given: the client makes it.")
        }
        var call = Call(method: method, target: target, authorization: .anyAtHand)
        call.own = Call.Own(headers: headers, body: body)
        let isIdempotent = [.get, .head, .put, .delete, .options, .trace].contains(method)
        call.repetition = isIdempotent ? .always : .unlessArrived
        return call
    }
}
