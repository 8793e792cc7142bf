package import GatehouseOpenCAP
import GatehouseStorage

/// What can be chosen for a domain; nil for what stays as it is.
package struct DomainSettings: Sendable {
    package var signUp: SignUpPolicy?
    package var allowedOrigins: Set<WebOrigin>?
    /// `.some(nil)` for all.
    package var addressTypes: Set<AddressType>??

    package init(
        signUp: SignUpPolicy? = nil, allowedOrigins: Set<WebOrigin>? = nil, addressTypes: Set<AddressType>?? = nil
    ) {
        self.signUp = signUp
        self.allowedOrigins = allowedOrigins
        self.addressTypes = addressTypes
    }
}

/// What becomes of the further host names of a domain; its own name stays in any case.
package enum HostChange: Sendable {
    case exactly([DomainName])
    case these(added: [DomainName], removed: [DomainName])
}

extension HostedDomain {
    /// Writes down what differs.
    ///
    /// - Returns: what was done, for the audit log.
    func change(to settings: DomainSettings, in sql: borrowing Transaction) throws -> [String] {
        var done: [String] = []
        if let signUp = settings.signUp, signUp != self.signUp {
            try sql("UPDATE domains SET sign_up = \(signUp.rawValue) WHERE name = \(name)")
            done.append("sign-up: \(signUp.rawValue)")
        }
        if let origins = settings.allowedOrigins?.map(\.text).sorted(), Set(origins) != allowedOrigins {
            try sql("UPDATE domains SET allowed_origins = \(origins.joined(separator: " ")) WHERE name = \(name)")
            done.append("allowed origins: \(origins.isEmpty ? "none" : origins.joined(separator: ", "))")
        }
        if case .some(let types) = settings.addressTypes, types != addressTypes {
            let numbers = types.map { $0.numbers.map { String($0) } }
            try sql("UPDATE domains SET address_types = \(numbers?.joined(separator: ",")) WHERE name = \(name)")
            done.append("address types: \(numbers?.joined(separator: ", ") ?? "all")")
        }
        return done
    }
}

extension Set<AddressType> {
    package var numbers: [Int] { map(\.rawValue).sorted() }
}
