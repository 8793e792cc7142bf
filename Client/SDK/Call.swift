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

    enum Authorization {
        case none
        /// The token of the client's credential.
        case token
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

extension Gatehouse {
    /// Sends a call, with a token when it needs one; a token that turns out to be over is renewed once.
    func send(_ call: Call) async throws(GatehouseError) -> TransportResponse {
        switch call.authorization {
        case .none: return try await send(call, bearer: nil)
        case .secret(let secret): return try await send(call, bearer: secret)
        case .token: break
        }
        let token = try await tokens.token(for: self).text
        do throws(GatehouseError) {
            return try await send(call, bearer: token)
        } catch {
            guard error.isTokenRefused else { throw error }
            // The server's word counts more than the token's own expiry: its session may have ended.
            return try await send(call, bearer: try await tokens.token(for: self, insteadOf: token).text)
        }
    }

    /// Sends, and sends again where that is safe and may help.
    func send(_ call: Call, bearer: String?) async throws(GatehouseError) -> TransportResponse {
        let request = request(call, bearer: bearer)
        var attempts = 0
        var mayBeDone = false
        while true {
            guard !Task.isCancelled else { throw .cancelled }
            let failure: GatehouseError
            do throws(TransportFailure) {
                let response = try await transport.send(request)
                let now = clock.now()
                serverClock.learn(from: response, now: now)
                if (200..<300).contains(response.status) { return response }
                failure = GatehouseError(refusal: response, now: serverClock.now(now))
                if mayBeDone, let code = call.doneCode, failure.code == code { return response }
            } catch {
                failure = error.kind == .cancelled ? .cancelled : .unreachable(error)
                mayBeDone = mayBeDone || error.mayHaveArrived
            }
            attempts += 1
            guard let wait = retries.wait(after: failure, attempts: attempts, repetition: call.repetition) else {
                throw failure
            }
            do { try await clock.sleep(wait) } catch { throw .cancelled }
        }
    }

    private func request(_ call: Call, bearer: String?) -> TransportRequest {
        var request = TransportRequest(method: call.method.rawValue, url: server + call.target)
        request.headers.append(("Accept", "application/json"))
        if let bearer { request.headers.append(("Authorization", "Bearer \(bearer)")) }
        if let key = call.idempotencyKey { request.headers.append(("Idempotency-Key", key)) }
        if let body = call.body {
            request.headers.append(("Content-Type", "application/json"))
            request.body = body.bytes()
        } else if let form = call.form {
            request.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            let pairs = form.map { "\(Percent.encode($0.name))=\(Percent.encode($0.value))" }
            request.body = Array(pairs.joined(separator: "&").utf8)
        }
        return request
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
