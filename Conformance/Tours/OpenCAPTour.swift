import GatehouseClient
import GatehouseRunner

extension Tour {
    /// OpenCAP from the making of an alias to its end, through the SDK alone.
    package static let openCAP = Tour(
        name: "opencap", title: "OpenCAP through the SDK", needs: ["domain", "domain_secret"],
        start: OpenCAPVisit.init, steps: OpenCAPVisit.steps, cleanUp: [OpenCAPVisit.leave])
}

/// What the steps of the tour share.
private struct OpenCAPVisit: Sendable {
    let alias: String
    let password: String
    let domainSecret: String
    /// Somebody without a credential.
    let guest: Gatehouse
    /// The alias itself.
    let owner: Gatehouse
    /// Whether the alias has been made and not been deleted.
    var exists = false

    // The first address that was ever paid to, an example of BIP 173, and the burn address of Nano.
    static let bitcoin = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    static let segWit = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    static let nano = "nano_1111111111111111111111111111111111111111111111111111hifc8npp"

    init(_ context: TourContext) throws {
        alias = "tour-\(context.unique)$\(context.variables["domain"] ?? "")"
        password = "correct horse \(UniqueText.make())"
        domainSecret = context.variables["domain_secret"] ?? ""
        let transport = LibcurlTransport(caFile: context.caFile)
        guest = try Gatehouse(server: context.target.url, transport: transport)
        owner = try Gatehouse(
            server: context.target.url, credential: .password(name: alias, password: password), transport: transport)
    }

    static let steps: [TourStep<OpenCAPVisit>] = aliasSteps + addressSteps + endSteps

    /// Takes the alias away when the tour did not come to its own end.
    static let leave = TourStep<OpenCAPVisit>("delete the alias", source: "DELETE /v1/users") { visit in
        if visit.exists { try await visit.owner.deleteAlias() }
    }

    // MARK: An alias

    private static let aliasSteps: [TourStep<OpenCAPVisit>] = [
        TourStep("the server is ready", source: "GET /health/ready") { visit in
            try expect("isReady", try await visit.guest.isReady(), is: true)
        },
        TourStep("a wrong domain secret makes no alias", source: "POST /v1/users") { visit in
            let code = try await refusal { [visit] in
                try await visit.guest.createAlias(
                    visit.alias, password: visit.password, by: .domainSecret("not-the-secret-of-this-domain"))
            }
            try expect("code", code, is: "invalid_credentials")
        },
        TourStep("the domain's secret makes an alias", source: "POST /v1/users") { visit in
            try await visit.guest.createAlias(
                visit.alias, password: visit.password, by: .domainSecret(visit.domainSecret))
            visit.exists = true
        },
        TourStep("an alias is made once", source: "POST /v1/users") { visit in
            let code = try await refusal { [visit] in
                try await visit.guest.createAlias(
                    visit.alias, password: visit.password, by: .domainSecret(visit.domainSecret))
            }
            try expect("code", code, is: "alias_taken")
        },
        TourStep("the right password gives a token that ends", source: "POST /v1/auth") { visit in
            let token = try await visit.owner.signIn(name: visit.alias, password: visit.password)
            try expect("the token has three parts", token.text.split(separator: ".").count == 3)
            try expect("expiresAt is set", token.expiresAt > 0)
        },
        TourStep("a wrong password and an unknown name are refused alike", source: "POST /v1/auth") { visit in
            let wrong = try await wholeRefusal { [visit] in
                _ = try await visit.guest.signIn(name: visit.alias, password: "wrong horse battery")
            }
            let unknown = try await wholeRefusal { [visit] in
                _ = try await visit.guest.signIn(name: "nobody-\(visit.alias)", password: "wrong horse battery")
            }
            try expect("code", wrong.code, is: "invalid_credentials")
            try expect("the refusal of an unknown name", unknown, is: wrong)
        },
    ]

    // MARK: Addresses

    private static let addressSteps: [TourStep<OpenCAPVisit>] = [
        TourStep("a new alias has no addresses", source: "GET /v1/addresses") { visit in
            try expect("addresses", try await visit.guest.addresses(of: visit.alias), is: [])
            let none = try await visit.guest.address(of: visit.alias, type: .bitcoinP2PKH)
            try expect("address", none?.address, is: nil)
        },
        TourStep("an address that was set is found by everyone", source: "PUT /v1/addresses") { visit in
            try await visit.owner.setAddress(
                bitcoin, type: .bitcoinP2PKH, extensions: Extensions(nickname: "Tourist"))
            let found = try await visit.guest.address(of: visit.alias, type: .bitcoinP2PKH)
            try expect("address", found?.address, is: bitcoin)
            try expect("type", found?.type, is: .bitcoinP2PKH)
            try expect("nickname", found?.extensions.nickname, is: "Tourist")
        },
        TourStep("extensions stay until they are cleared", source: "PUT /v1/addresses") { visit in
            try await visit.owner.setAddress(bitcoin, type: .bitcoinP2PKH)
            let kept = try await visit.guest.address(of: visit.alias, type: .bitcoinP2PKH)
            try expect("nickname", kept?.extensions.nickname, is: "Tourist")
            try await visit.owner.setAddress(bitcoin, type: .bitcoinP2PKH, extensions: Extensions.none)
            let cleared = try await visit.guest.address(of: visit.alias, type: .bitcoinP2PKH)
            try expect("extensions", cleared?.extensions, is: Extensions.none)
        },
        TourStep("addresses come ordered by type", source: "GET /v1/addresses") { visit in
            try await visit.owner.setAddress(nano, type: .nano)
            try await visit.owner.setAddress(segWit, type: .bitcoinSegWit)
            let all = try await visit.guest.addresses(of: visit.alias)
            try expect("types", all.map(\.type.rawValue), is: [100, 102, 300])
            try expect("addresses", all.map(\.address), is: [bitcoin, segWit, nano])
        },
        TourStep("a mistyped address is refused and changes nothing", source: "PUT /v1/addresses") { visit in
            let mistyped = String(bitcoin.dropLast()) + "b"
            let code = try await refusal { [visit] in
                try await visit.owner.setAddress(mistyped, type: .bitcoinP2PKH)
            }
            try expect("code", code, is: "invalid_address")
            let left = try await visit.guest.address(of: visit.alias, type: .bitcoinP2PKH)
            try expect("address", left?.address, is: bitcoin)
        },
        TourStep("case makes no difference to an alias", source: "GET /v1/addresses") { visit in
            let found = try await visit.guest.addresses(of: visit.alias.uppercased())
            try expect("addresses", found.count, is: 3)
        },
        TourStep("many tasks share one client", source: "PUT /v1/addresses") { visit in
            let (owner, guest, alias) = (visit.owner, visit.guest, visit.alias)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        if number.isMultiple(of: 2) {
                            try await owner.setAddress(bitcoin, type: .bitcoinP2PKH)
                        } else {
                            try expect("addresses", try await guest.addresses(of: alias).count, is: 3)
                        }
                    }
                }
                try await group.waitForAll()
            }
        },
        TourStep("a client without a credential changes nothing", source: "PUT /v1/addresses") { visit in
            do {
                try await visit.guest.setAddress(bitcoin, type: .bitcoinP2PKH)
            } catch GatehouseError.signInRequired {
                return
            }
            try expect("refused by the SDK", false)
        },
        TourStep("a deleted address is gone", source: "DELETE /v1/addresses/{address_type}") { visit in
            try await visit.owner.deleteAddress(type: .bitcoinP2PKH)
            let none = try await visit.guest.address(of: visit.alias, type: .bitcoinP2PKH)
            try expect("address", none?.address, is: nil)
            let code = try await refusal { [visit] in try await visit.owner.deleteAddress(type: .bitcoinP2PKH) }
            try expect("code", code, is: "address_not_set")
        },
    ]

    // MARK: The end

    private static let endSteps: [TourStep<OpenCAPVisit>] = [
        TourStep("a deleted alias is gone with its addresses", source: "DELETE /v1/users") { visit in
            try await visit.owner.deleteAlias()
            visit.exists = false
            let code = try await refusal { [visit] in _ = try await visit.guest.addresses(of: visit.alias) }
            try expect("code", code, is: "unknown_alias")
        },
        TourStep("its token and its password open nothing any more", source: "POST /v1/auth") { visit in
            // The client is told that its token has ended, signs in again, and that is refused too.
            let code = try await refusal { [visit] in
                try await visit.owner.setAddress(bitcoin, type: .bitcoinP2PKH)
            }
            try expect("code", code, is: "invalid_credentials")
        },
    ]
}
