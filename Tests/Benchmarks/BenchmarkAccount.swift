import GatehouseJSON
import GatehouseTransfer
import HTTPTypes

/// The accounts that the benchmarks of the server use.
enum BenchmarkAccount {
    static let alias = aliases[0]
    /// Several, since sign-ins of one name take turns.
    static let aliases = (1...8).map { "bench\($0)$bench.test" }
    static let password = "correct horse battery"
    static let address = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"

    private static let json = ["Content-Type": "application/json"]

    static func signIn(to server: String) -> WrkRequest {
        WrkRequest(
            url: server + "/v1/auth", method: "POST", headers: json,
            bodies: aliases.map { "{\"alias\":\"\($0)\",\"password\":\"\(password)\"}" })
    }

    static func put(to server: String, token: String) -> WrkRequest {
        WrkRequest(
            url: server + "/v1/addresses", method: "PUT",
            headers: json.merging(["Authorization": "Bearer \(token)"]) { $1 },
            bodies: ["{\"address_type\":100,\"address\":\"\(address)\"}"])
    }

    static func lookUp(at server: String) -> WrkRequest {
        WrkRequest(url: server + "/v1/addresses?alias=bench1%24bench.test")
    }

    /// - Returns: an access token.
    static func signIn(at server: String) async throws -> String {
        let load = signIn(to: server)
        var request = TransferRequest(method: .post, url: load.url)
        request.headers = [("Content-Type", "application/json")]
        request.body = Array(load.bodies[0].utf8)
        let answer = try await CurlTransport().send(request)
        guard let token = try JSONValue(parsing: answer.body)["jwt"]?.string else {
            throw Tool.Failed(description: "no token: \(String(decoding: answer.body, as: UTF8.self))")
        }
        return token
    }
}
