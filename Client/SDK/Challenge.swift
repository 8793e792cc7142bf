import HTTPSignatures

extension SigningPolicy {
    /// What a server that refused a signature wants to have covered besides (`WWW-Authenticate: Signature`, or
    /// `Accept-Signature` of RFC 9421 §5). It only ever adds to what this policy covers.
    ///
    /// - Returns: nil when it wants nothing new, or what cannot or should not be given.
    func demand(of response: TransportResponse, after signed: SignedRequest) -> Demand? {
        let covered = signed.signingString.lines.map(\.component)
        switch family {
        case .cavage:
            guard let wanted = response.requiredHeaders else { return nil }
            let missing = wanted.filter { !covered.contains($0) }
            guard !missing.isEmpty, missing.allSatisfy({ signed.canCover($0, times: true) }) else { return nil }
            return Demand(covering: missing)
        case .rfc9421(let tag):
            let fields = response.headers.map { SignableMessage.Field($0.name, $0.value) }
            let message = SignableMessage.response(status: response.status, fields: fields)
            guard let asked = try? AcceptSignature.all(of: message).first else { return nil }
            let demanded = asked.demanded
            guard demanded.keyID == nil || demanded.keyID == key.id,
                demanded.algorithm == nil || demanded.algorithm == key.algorithm.registeredName,
                // A tag of another application would let the signature count there (RFC 9421 §7.2.7).
                demanded.tag == nil || tag == nil || demanded.tag == tag
            else { return nil }
            let wanted = asked.components.map { component in
                component.identifier == "\"\(component.name)\"" ? component.name : component.identifier
            }
            let missing = wanted.filter { !covered.contains($0) }
            guard missing.allSatisfy({ signed.canCover($0, times: false) }) else { return nil }
            let demand = Demand(
                covering: missing, label: asked.label, nonce: demanded.nonce,
                tag: demanded.tag == tag ? nil : demanded.tag,
                wantsExpires: asked.wantsExpires)
            return demand == Demand() ? nil : demand
        }
    }
}

extension SignedRequest {
    /// - Parameter times: whether `(created)` and `(expires)` are among what can be covered.
    fileprivate func canCover(_ name: String, times: Bool) -> Bool {
        switch name {
        case "(created)", "(expires)": times
        case _ where name.hasPrefix("@"): !times && name != "@status" && name != "@query-param"
        // With parameters it may be anything; whoever wants that says so in the policy.
        case _ where name.hasPrefix("\"") || name.hasPrefix("("): false
        default: SigningPolicy.canGive(name) || request.header(name) != nil
        }
    }
}

extension TransportResponse {
    /// `headers` of the challenge `Signature`, in lower case (draft-cavage-http-signatures-12 §3.1.1).
    fileprivate var requiredHeaders: [String]? {
        for (name, value) in headers where name.lowercased() == "www-authenticate" {
            let text = value.lowercased()
            guard let scheme = text.firstRange(of: "signature "),
                let list = text[scheme.upperBound...].firstRange(of: "headers=\"")
            else { continue }
            return text[list.upperBound...].prefix { $0 != "\"" }.split(separator: " ").map { String($0) }
        }
        return nil
    }
}
