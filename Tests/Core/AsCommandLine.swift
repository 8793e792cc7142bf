import GatehouseOpenCAP
import GatehousePasswords
import HTTPSignatures
import WebTokens

@testable import GatehouseCore

// Tests that do not ask who changed something: as the command line does it.

extension Accounts {
    @discardableResult
    func create(
        email: EmailAddress?, alias: Alias?, password: NewPassword, roles: Set<Role> = [],
        onlyAsFirstAdmin: Bool = false
    ) async throws -> String {
        try await create(
            email: email, alias: alias, password: password, roles: roles, onlyAsFirstAdmin: onlyAsFirstAdmin,
            by: .commandLine)
    }

    func change(_ id: String, roles: Set<Role>?, isDisabled: Bool?, password: NewPassword?) async throws {
        try await change(id, roles: roles, isDisabled: isDisabled, password: password, by: .commandLine)
    }

    func delete(id: String) async throws { try await delete(id: id, by: .commandLine) }

    func delete(_ name: AccountName) async throws { try await delete(name, by: .commandLine) }

    func setRoles(_ roles: Set<Role>, of name: AccountName) async throws {
        try await setRoles(roles, of: name, by: .commandLine)
    }

    func setDisabled(_ isDisabled: Bool, _ name: AccountName) async throws {
        try await setDisabled(isDisabled, name, by: .commandLine)
    }

    func setPassword(_ password: NewPassword, of name: AccountName) async throws {
        try await setPassword(password, of: name, by: .commandLine)
    }
}

extension Domains {
    func add(
        _ name: DomainName, hosts: [DomainName] = [], owner: AccountName? = nil, secret: DomainSecret = .random()
    ) async throws -> String {
        try await add(name, hosts: hosts, owner: owner, secret: secret, by: .commandLine)
    }

    func rotateSecret(of name: DomainName, to secret: DomainSecret = .random()) async throws -> String {
        try await rotateSecret(of: name, to: secret, by: .commandLine)
    }

    func remove(_ name: DomainName) async throws { try await remove(name, by: .commandLine) }
}

extension Addresses {
    func set(_ address: PaymentAddress, of account: String) async throws {
        try await set(address, of: account, by: .commandLine)
    }
}

extension APIKeys {
    func add(_ plan: Plan, _ material: APIKeyMaterial, of account: String) async throws -> APIKeyEntry {
        try await add(plan, material, of: account, by: .commandLine)
    }

    func rotate(_ id: String, to material: APIKeyMaterial, overlap: Int64) async throws -> APIKeyEntry {
        try await rotate(id, to: material, overlap: overlap, by: .commandLine)
    }
}

extension SigningKeys {
    func rotate(algorithm: JWSAlgorithm? = nil, atOnce: Bool) async throws -> SigningKeyEntry {
        try await rotate(algorithm: algorithm, atOnce: atOnce, by: .commandLine)
    }

    func add(_ jwk: JWK) async throws -> SigningKeyEntry { try await add(jwk, by: .commandLine) }

    func activate(_ id: String, atOnce: Bool) async throws -> SigningKeyEntry {
        try await activate(id, atOnce: atOnce, by: .commandLine)
    }

    func retire(_ id: String) async throws -> SigningKeyEntry { try await retire(id, by: .commandLine) }

    func remove(_ id: String) async throws { try await remove(id, by: .commandLine) }
}
