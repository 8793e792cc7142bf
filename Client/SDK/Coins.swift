import GatehouseJSON
import HTTPTypes

/// CAP as flaskCCAP speaks it. The domain is the one that the host of `server` names.
extension Gatehouse {
    /// Makes a user of the server's domain (`POST /private/user`).
    ///
    /// - Throws: code `alias_taken`, `weak_password`, `invalid_alias`, `invalid_credentials`. When it fails as `.unreachable` and
    ///   the request may have arrived, the user may exist.
    public func createUser(
        _ username: String, password: String, domainSecret: String
    ) async throws(GatehouseError) {
        _ = try await send(
            Call(
                method: .post, target: "/private/user",
                body: ["username": .string(username), "password": .string(password)],
                authorization: .secret(domainSecret), repetition: .unlessArrived))
    }

    /// The address of a user's coin, such as `btc`; nil when the user has none (`GET /address/{username}/{coin}`). Needs no
    /// credential.
    ///
    /// - Throws: code `unknown_alias`.
    public func coin(_ coin: String, of username: String) async throws(GatehouseError) -> String? {
        let target = "/address/\(Percent.encode(username))/\(Percent.encode(coin))"
        do throws(GatehouseError) {
            let answer = try await send(Call(method: .get, target: target)).json()
            guard let address = answer["address"]?.string else { throw .unexpectedAnswer("it has no address") }
            return address
        } catch {
            guard error.code == "address_not_set" else { throw error }
            return nil
        }
    }

    /// Creates or replaces the address of one's own coin (`POST /address`). Those of `btc`, `bch` and `nano` are OpenCAP's as well.
    ///
    /// - Throws: code `invalid_address` with the reason, `invalid_member` for the name of a coin, `invalid_token` when the server's
    ///   host is none of one's own domain.
    public func setCoin(_ coin: String, to address: String) async throws(GatehouseError) {
        _ = try await send(
            Call(
                method: .post, target: "/address", body: ["coin": .string(coin), "address": .string(address)],
                authorization: .token))
    }
}
