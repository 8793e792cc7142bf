#if DEBUG
import GatehouseMessages
import HTTPSignatures
import HTTPTypes

/// How a server behaves that leaves out one check of signatures.
///
/// A part of a request that nobody looks at is the same as one that may be anything. So each fault says what else the request
/// could have been, and a request is let through when one of these would have been right.
extension Faults {
    struct Attempt {
        var request: OriginalRequest
        var body: SignaturePolicy.Body
        var policy: SignaturePolicy
        /// Microseconds since 1970.
        var now: Int64
    }

    func othersToTry(
        _ request: OriginalRequest, _ body: SignaturePolicy.Body, _ policy: SignaturePolicy,
        _ refusal: SignatureRefusal, now: Int64
    ) -> [Attempt] {
        let same = Attempt(request: request, body: body, policy: policy, now: now)
        return active.flatMap { others(than: same, refusal.reason, with: $0) }
    }

    private func others(than same: Attempt, _ reason: SignatureRefusal.Reason, with fault: Fault) -> [Attempt] {
        func changed(_ change: (inout Attempt) -> Void) -> Attempt {
            var other = same
            change(&other)
            return other
        }
        switch (fault, reason) {
        case (.signatureMethod, .badSignature):
            return ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map { method in
                changed { $0.request.method = method }
            }
        case (.signatureTarget, .badSignature):
            let (_, query) = same.request.target.pathAndQuery
            return ["/hello_world_private", "/hello_someone"].map { path in
                changed { $0.request.target = path + (query.map { "?\($0)" } ?? "") }
            }
        case (.signatureQuery, .badSignature):
            return [changed { $0.request.target = String(same.request.target.pathAndQuery.path) }]
        case (.signatureHost, .badSignature): return [changed { $0.request.host = "signed.example" }]
        case (.signatureOrder, .badSignature):
            return same.request.cavageLines { Self.orders(of: $0) }
                .map { headers in changed { $0.request.headers = headers } }
        case (.signatureDate, .outsideWindow):
            return [
                changed {
                    $0.policy = SignaturePolicy(
                        window: Int64(UInt32.max), verifiedHeaders: same.policy.verifiedHeaders)
                }
            ]
        case (.signatureExpiry, .expired):
            return [
                changed {
                    $0.now = 0
                    $0.policy = SignaturePolicy(
                        window: Int64(UInt32.max), verifiedHeaders: same.policy.verifiedHeaders)
                }
            ]
        case (.signatureDigest, .digestMismatch): return [changed { $0.body = .elsewhere(hasContent: true) }]
        case (.signatureCoverage, .notCovered):
            return [changed { $0.policy = SignaturePolicy(window: same.policy.window, verifiedHeaders: []) }]
        case (.signatureDuplicateParameter, .duplicateParameter(let name)):
            return same.request.cavageLines { Self.withoutFirst(name, in: $0) }
                .map { headers in changed { $0.request.headers = headers } }
        case (.signatureAlgorithm, .wrongAlgorithm):
            return same.request.cavageLines { Self.withoutFirst("algorithm", in: $0) }
                .map { headers in changed { $0.request.headers = headers } }
        default: return []
        }
    }

    /// `headers="…"` with its names in every order.
    private static func orders(of line: String) -> [String] {
        guard let range = line.firstRange(of: #/headers="([^"]*)"/#) else { return [] }
        let names = line[range].dropFirst(9).dropLast().split(separator: " ")
        guard (2...6).contains(names.count) else { return [] }
        return permutations(names).map {
            line.replacingCharacters(in: range, with: "headers=\"\($0.joined(separator: " "))\"")
        }
    }

    private static func permutations(_ names: [Substring]) -> [[Substring]] {
        guard names.count > 1 else { return [names] }
        return names.indices.flatMap { index in
            var rest = names
            let name = rest.remove(at: index)
            return permutations(rest).map { [name] + $0 }
        }
    }

    private static func withoutFirst(_ name: String, in line: String) -> [String] {
        guard let pattern = try? Regex("(?i)\(name)=(\"[^\"]*\"|[^,\"]*),? *"), let range = line.firstRange(of: pattern)
        else { return [] }
        return [line.replacingCharacters(in: range, with: "")]
    }
}

extension OriginalRequest {
    /// The fields with another draft-cavage signature in place of this one.
    fileprivate func cavageLines(_ others: (String) -> [String]) -> [HTTPFields] {
        for name in [HTTPField.Name.authorization, .signature] {
            guard let line = headers[name] else { continue }
            return others(line).map { other in
                var headers = headers
                headers[name] = other
                return headers
            }
        }
        return []
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
#endif
