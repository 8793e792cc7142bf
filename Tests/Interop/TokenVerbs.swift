import Foundation
import GatehouseJSON
import WebTokens

/// For `tokens.py`: makes keys and tokens, and judges those of others.
///
/// `{"verb":"generate","alg":…}`, `{"verb":"sign","alg":…,"key":…,"claims":…}` and
/// `{"verb":"verify","alg":…,"key":…,"token":…}`; `{"verb":"algorithms"}` lists them.
enum TokenVerbs {
    /// - Returns: nil for another verb.
    static func answer(_ request: JSONValue) throws -> [JSONValue.Member]? {
        switch request["verb"]?.string {
        case "algorithms":
            let names = JWSAlgorithm.allCases.map { JSONValue.string($0.rawValue) }
            return [.init(name: "algorithms", value: .array(names))]
        case "generate":
            let jwk = JWK.generate(for: try algorithm(request))
            return [
                .init(name: "private", value: .string(jwk.json(includingPrivate: true))),
                .init(name: "public", value: .string(jwk.json(includingPrivate: !jwk.isAsymmetric))),
                .init(name: "thumbprint", value: .string(jwk.thumbprint())),
            ]
        case "sign":
            guard let claims = request["claims"] else { throw Unreadable() }
            let key = try SigningKey(try key(request), algorithm: try algorithm(request))
            return [.init(name: "token", value: .string(try JWS.sign(claims.bytes(), type: "JWT", with: key)))]
        case "verify":
            guard let token = request["token"]?.string else { throw Unreadable() }
            let key = try VerificationKey(try key(request), algorithm: try algorithm(request))
            let verifier = TokenVerifier(
                keys: KeySet([key]), type: "JWT", issuer: "interop", audience: "interop", leewaySeconds: 0)
            let claims = try verifier.verify(token, nowSeconds: Int64(Date.now.timeIntervalSince1970))
            return [
                .init(name: "claims", value: try JSONValue(parsing: claims.json)),
                .init(name: "kid", value: .string(key.keyID)),
            ]
        default: return nil
        }
    }

    private static func algorithm(_ request: JSONValue) throws -> JWSAlgorithm {
        guard let algorithm = JWSAlgorithm(rawValue: request["alg"]?.string ?? "") else { throw Unreadable() }
        return algorithm
    }

    private static func key(_ request: JSONValue) throws -> JWK {
        guard let text = request["key"]?.string else { throw Unreadable() }
        return try JWK(parsing: Array(text.utf8))
    }
}
