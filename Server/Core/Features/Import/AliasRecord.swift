import Foundation
import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import GatehousePasswords

/// A user of a server of aliases with its addresses, checked as if they had been sent to this server.
struct AliasRecord: Sendable {
    struct Address: Sendable {
        enum Kind: Hashable, Sendable {
            case type(AddressType)
            /// One that OpenCAP has no type for.
            case coin(String)
        }
        let row: Int64
        let kind: Kind
        let address: String
    }

    let row: Int64
    let alias: Alias
    let passwordHash: String
    /// Nil unless the file says.
    let createdAt: Int64?
    let addresses: [Address]
    /// Whether the name stands in the file as it is here.
    let isCanonical: Bool

    /// What is wrong with addresses, by row.
    typealias Remarks = [(row: Int64, reason: String)]

    /// - Throws: `ImportRefusal` when the user does not come along; its addresses do not either, then.
    init(
        _ user: AliasFile.User, _ addresses: [AliasFile.Address], domain: DomainName, named name: String,
        of program: AliasFile.Program, remarks: inout Remarks
    ) throws {
        guard let text = user.name else { throw ImportRefusal("it has no name") }
        var username = text
        if program == .restfulCAP, let separator = text.lastIndex(where: { $0 == "@" || $0 == "$" }) {
            // With the domain, of which the row of the domain has a host name.
            let said = text[text.index(after: separator)...].lowercased()
            guard [name, domain.text].contains(said) || name == "opencap.\(said)" else {
                throw ImportRefusal("its alias names another domain than its own")
            }
            username = String(text[..<separator])
        }
        do { alias = try Alias(username: username, domain: domain) } catch {
            throw ImportRefusal("its name is no alias: \(Self.lowered(error.description))")
        }
        isCanonical = isSameText(alias.username, username)
        guard let hash = user.hash else { throw ImportRefusal("it has no password") }
        try Self.check(hash, of: program)
        row = user.row
        passwordHash = hash
        createdAt = user.created.flatMap(Self.time)
        self.addresses = Self.addresses(addresses, of: program, &remarks)
    }

    private static func check(_ hash: String, of program: AliasFile.Program) throws {
        if program == .goServer {
            guard (try? BcryptHash(hash)) != nil else {
                throw ImportRefusal(
                    "its password is no hash of bcrypt ($2a$, $2b$ or $2y$) with a cost from \(BcryptHash.costs.lowerBound) to "
                        + "\(BcryptHash.costs.upperBound)")
            }
            return
        }
        do { _ = try OtherHashes.kind(of: hash) } catch {
            throw ImportRefusal(
                error == .unsupportedHash
                    ? "its password is a hash of another kind than Argon2, or of one that takes more than 1 GiB or some seconds"
                    : "its password is no hash of Argon2")
        }
    }

    /// `2018-09-17 12:34:56.789+00:00`, as gorm writes it.
    private static func time(_ text: String) -> Int64? {
        let parts = text.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return RFC3339.microseconds(text) }
        return RFC3339.microseconds("\(parts[0])T\(parts[1])")
    }

    static func lowered(_ sentence: String) -> String {
        (sentence.first?.lowercased() ?? "") + sentence.dropFirst().trimmingCharacters(in: ["."])
    }

    // MARK: Addresses

    private static func addresses(
        _ rows: [AliasFile.Address], of program: AliasFile.Program, _ remarks: inout Remarks
    ) -> [Address] {
        // The original asks for a coin in lower case, and gets the first of its rows.
        let ordered =
            program == .flaskCCAP
            ? rows.filter { $0.isLowerCase } + rows.filter { !$0.isLowerCase }
            : rows
        var found: [Address] = []
        var coins: Set<Coin> = []
        for row in ordered {
            do {
                let address = try Address(row, of: program)
                if program == .flaskCCAP, !coins.insert(try Coin(checking: row.kind ?? "")).inserted {
                    throw ImportRefusal("its user has another address for this coin; the original answers that one")
                }
                guard !found.contains(where: { $0.kind == address.kind }) else {
                    throw ImportRefusal("its user has another address of this type")
                }
                found.append(address)
            } catch let refusal as ImportRefusal {
                remarks.append((row.row, refusal.reason))
            } catch let problem as Problem {
                remarks.append((row.row, lowered(problem.title)))
            } catch {
                remarks.append((row.row, "\(error)"))
            }
        }
        return found
    }
}

extension AliasFile.Address {
    fileprivate var isLowerCase: Bool { kind?.utf8.allSatisfy { !(0x41...0x5A).contains($0) } ?? false }
}

extension AliasRecord.Address {
    fileprivate init(_ row: AliasFile.Address, of program: AliasFile.Program) throws {
        guard let text = row.address, !text.isEmpty else { throw ImportRefusal("it has no address") }
        self.row = row.row
        address = text
        guard program == .flaskCCAP else {
            guard let number = row.kind.flatMap({ Int64($0) }), let type = AddressType(number: number) else {
                throw ImportRefusal("its address type is unknown")
            }
            do { try type.check(text) } catch { throw ImportRefusal(AliasRecord.lowered(error.description)) }
            kind = .type(type)
            return
        }
        guard let coin = row.kind else { throw ImportRefusal("it has no coin") }
        // What the original made of an address that was no text.
        if let first = text.first, "{[(".contains(first) || ["None", "True", "False"].contains(text) {
            throw ImportRefusal("its address is no address but what Python writes of another value")
        }
        switch try Coin(checking: coin) {
        case .typed(let currency): kind = .type(try AddressType(ofAddress: text, currency: currency))
        case .other(let name):
            guard Coins.isAddress(text) else {
                throw ImportRefusal(
                    "its address is longer than \(Coins.longestAddress) octets or has control characters")
            }
            kind = .coin(name)
        }
    }
}
