import Foundation
import GatehouseJSON
import WebTokens

/// Our side of `tokens.py`: makes keys and tokens, and judges those of others, one JSON object a line.
///
/// `{"verb":"generate","alg":…}`, `{"verb":"sign","alg":…,"key":…,"claims":…}` and
/// `{"verb":"verify","alg":…,"key":…,"token":…}` are answered by a line with the result, or with `error`.
@main
struct Main {
    static func main() {
        while let line = readLine() {
            var members: [JSONValue.Member]
            do { members = try answer(JSONValue(parsing: Array(line.utf8))) } catch {
                members = [.init(name: "error", value: .string("\(error)"))]
            }
            FileHandle.standardOutput.write(Data(JSONValue.object(members).bytes() + [UInt8(ascii: "\n")]))
        }
    }

    private static func answer(_ request: JSONValue) throws -> [JSONValue.Member] {
        if request["verb"] == "algorithms" {
            let names = JWSAlgorithm.allCases.map { JSONValue.string($0.rawValue) }
            return [.init(name: "algorithms", value: .array(names))]
        }
        guard let algorithm = JWSAlgorithm(rawValue: request["alg"]?.string ?? "") else { throw Unreadable() }
        switch request["verb"]?.string {
        case "generate":
            let jwk = JWK.generate(for: algorithm)
            return [
                .init(name: "private", value: .string(jwk.json(includingPrivate: true))),
                .init(name: "public", value: .string(jwk.json(includingPrivate: !jwk.isAsymmetric))),
                .init(name: "thumbprint", value: .string(jwk.thumbprint())),
            ]
        case "sign":
            guard let claims = request["claims"] else { throw Unreadable() }
            let key = try SigningKey(try key(request), algorithm: algorithm)
            return [.init(name: "token", value: .string(try JWS.sign(claims.bytes(), type: "JWT", with: key)))]
        case "verify":
            guard let token = request["token"]?.string else { throw Unreadable() }
            let key = try VerificationKey(try key(request), algorithm: algorithm)
            let verifier = TokenVerifier(
                keys: KeySet([key]), type: "JWT", issuer: "interop", audience: "interop", leewaySeconds: 0)
            let claims = try verifier.verify(token, nowSeconds: Int64(Date.now.timeIntervalSince1970))
            return [
                .init(name: "claims", value: try JSONValue(parsing: claims.json)),
                .init(name: "kid", value: .string(key.keyID)),
            ]
        default: throw Unreadable()
        }
    }

    private static func key(_ request: JSONValue) throws -> JWK {
        guard let text = request["key"]?.string else { throw Unreadable() }
        return try JWK(parsing: Array(text.utf8))
    }

    private struct Unreadable: Error {}
}
