import GatehouseJSON
import HTTPTypes

/// One request of the SDK, before it knows server and token.
struct Call {
    let method: HTTPRequest.Method
    /// Path and query, percent-encoded.
    let target: String
    var body: JSONValue?
    /// A body of names and values (`application/x-www-form-urlencoded`) instead.
    var form: [(name: String, value: String)]?
    var authorization = Authorization.none
    var repetition = Repetition.always
    /// A refusal with this code means that an attempt before, of which no answer came, did it.
    var doneCode: String?
    /// Lets the server tell the same request, sent again, from another one.
    var idempotencyKey: String?
    /// What the caller made up, in place of a body of ours.
    var own: Own?

    /// Clients that sign do so whatever this says, except beside a secret.
    enum Authorization {
        case none
        /// The token of the client's credential.
        case token
        /// The token, if the client has a credential.
        case anyAtHand
        case secret(String)
    }

    /// When sending it again is safe.
    enum Repetition {
        /// Twice does what once does.
        case always
        /// Twice may do more, or be refused, so only when the first certainly did nothing.
        case unlessArrived
        /// The answer is wanted as it is now.
        case never
    }
}

extension Call {
    /// A request that the caller made up.
    struct Own {
        let headers: [(name: String, value: String)]
        let body: RequestBody?
    }

    /// The body with its type, if it has one of ours.
    var payload: (type: String?, body: RequestBody)? {
        if let body { return ("application/json", .octets(body.bytes())) }
        if let form {
            let pairs = form.map { "\(Percent.encode($0.name))=\(Percent.encode($0.value))" }
            return ("application/x-www-form-urlencoded", .octets(Array(pairs.joined(separator: "&").utf8)))
        }
        return own?.body.map { (nil, $0) }
    }
}

/// What shows a server who sends a request.
private enum Proof {
    case none
    case bearer(String)
    case signature(SigningPolicy, SigningPolicy.Demand)
}

/// A server's answer, with what it means when it is a refusal.
struct Answer {
    let response: TransportResponse
    let refusal: GatehouseError?
    /// What it answers, when that was signed.
    let signed: SignedRequest?
}

extension Gatehouse {
    /// Sends a call, and throws a refusal.
    func send(_ call: Call) async throws(GatehouseError) -> TransportResponse {
        let answer = try await answer(to: call)
        if let refusal = answer.refusal { throw refusal }
        return answer.response
    }

    /// Sends a call, signed or with a token when it needs one. A token that turns out to be over is renewed once, and what was
    /// signed by a wrong clock or with too little covered is signed anew once.
    func answer(to call: Call) async throws(GatehouseError) -> Answer {
        let body = try await call.payload?.body.measured(hashing: signing != nil)
        if case .secret(let secret) = call.authorization { return try await answer(to: call, body, .bearer(secret)) }
        if let signing {
            let first = try await answer(to: call, body, .signature(signing, .init()))
            guard let demand = demand(of: first, signing) else { return first }
            return try await answer(to: call, body, .signature(signing, demand))
        }
        switch call.authorization {
        case .token: break
        case .anyAtHand: if try await tokens.isAtHand(self) { break } else { fallthrough }
        case .none, .secret: return try await answer(to: call, body, .none)
        }
        let token = try await tokens.token(for: self).text
        let first = try await answer(to: call, body, .bearer(token))
        guard first.refusal?.isTokenRefused == true else { return first }
        // The server's word counts more than the token's own expiry: its session may have ended.
        return try await answer(to: call, body, .bearer(try await tokens.token(for: self, insteadOf: token).text))
    }

    /// What to do differently after a refused signature; nil when another one would be refused as well.
    private func demand(of answer: Answer, _ signing: SigningPolicy) -> SigningPolicy.Demand? {
        guard answer.response.status == 401, let signed = answer.signed else { return nil }
        if answer.refusal?.code == "signature_stale" {
            // The refusal has taught us the server's time. Without a difference it was not our clock.
            return abs(serverTime - signed.created) > 1 ? .init() : nil
        }
        return signing.demand(of: answer.response, after: signed)
    }

    /// Sends, and sends again where that is safe and may help.
    private func answer(
        to call: Call, _ body: RequestBody?, _ proof: Proof
    ) async throws(GatehouseError) -> Answer {
        var attempts = 0
        var mayBeDone = false
        while true {
            guard !Task.isCancelled else { throw .cancelled }
            var request = request(call, body)
            var signed: SignedRequest?
            switch proof {
            case .none: break
            case .bearer(let token): request.headers.append(("Authorization", "Bearer \(token)"))
            case .signature(let policy, let demand):
                // Anew for each attempt: the server may have taken the signature of one that got no answer.
                signed = try policy.sign(request, body, now: serverTime, demand: demand)
            }
            if let signed { request = signed.request }
            let failure: GatehouseError
            var refused: Answer?
            switch await transport.result(of: request) {
            case .success(let response):
                try accept(response, to: request)
                if (200..<300).contains(response.status) {
                    return Answer(response: response, refusal: nil, signed: signed)
                }
                failure = GatehouseError(refusal: response, now: serverClock.now(clock.now()))
                refused = Answer(response: response, refusal: failure, signed: signed)
                if mayBeDone, let code = call.doneCode, failure.code == code {
                    return Answer(response: response, refusal: nil, signed: signed)
                }
            case .failure(let reason):
                failure = reason.kind == .cancelled ? .cancelled : .unreachable(reason)
                mayBeDone = mayBeDone || reason.mayHaveArrived
            }
            attempts += 1
            guard let wait = retries.wait(after: failure, attempts: attempts, repetition: call.repetition) else {
                if let refused { return refused }
                throw failure
            }
            do { try await clock.sleep(wait) } catch { throw .cancelled }
        }
    }

    /// The server's time in whole Unix seconds, for what is signed.
    var serverTime: Int64 { Int64(serverClock.now(clock.now())) }

    /// Believes an answer, or not, and learns the time from it.
    ///
    /// - Throws: `.unverifiedAnswer`.
    func accept(_ response: TransportResponse, to request: TransportRequest) throws(GatehouseError) {
        if let objection = signing?.answers?.objection(to: response, of: request, now: serverTime) {
            throw .unverifiedAnswer(status: response.status, reason: objection)
        }
        serverClock.learn(from: response, now: clock.now())
    }

    /// - Parameter body: the call's own, measured.
    func request(_ call: Call, _ body: RequestBody?) -> TransportRequest {
        var request = TransportRequest(method: call.method.rawValue, url: server + call.target)
        if let own = call.own {
            request.headers = own.headers
        } else {
            request.headers.append(("Accept", "application/json"))
        }
        if let key = call.idempotencyKey { request.headers.append(("Idempotency-Key", key)) }
        if let type = call.payload?.type { request.headers.append(("Content-Type", type)) }
        switch body {
        case .octets(let octets): request.body = octets
        case .streamed(let streamed): request.streamedBody = streamed
        case nil: break
        }
        return request
    }
}

extension Transport {
    fileprivate func result(of request: TransportRequest) async -> Result<TransportResponse, TransportFailure> {
        do throws(TransportFailure) { return .success(try await send(request)) } catch { return .failure(error) }
    }
}

extension TransportResponse {
    /// The body as JSON.
    func json() throws(GatehouseError) -> JSONValue {
        do throws(JSONError) { return try JSONValue(parsing: body) } catch {
            throw .unexpectedAnswer("it is not JSON: \(error)")
        }
    }
}
