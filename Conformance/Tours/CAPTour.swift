import GatehouseClient
import GatehouseRunner

extension Tour {
    /// The document of flaskCCAP from the domain's secret to an address by its coin, through the SDK alone.
    package static let cap = Tour(
        name: "cap", title: "CAP through the SDK", needs: ["domain", "domain_secret", "other_domain"],
        start: CAPVisit.init, steps: CAPVisit.steps, cleanUp: [CAPVisit.leave])
}

/// What the steps of the tour share.
private struct CAPVisit: Sendable {
    let username: String
    let domain: String
    let password: String
    let domainSecret: String
    /// Somebody without a credential, under the domain's host.
    let guest: Gatehouse
    /// The user, under the domain's host.
    let user: Gatehouse
    /// The user, who signs in there and writes under the host of the other domain.
    let astray: Gatehouse
    /// Somebody without a credential under that host.
    let otherGuest: Gatehouse
    /// Whether the user has been made and not been deleted.
    var exists = false

    // The first address that was ever paid to, an example of BIP 173, and the burn address of Nano.
    static let bitcoin = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    static let segWit = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    static let nano = "nano_1111111111111111111111111111111111111111111111111111hifc8npp"
    static let doge = "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"

    init(_ context: TourContext) throws {
        username = "tour-\(context.unique)"
        domain = context.variables["domain"] ?? ""
        password = "correct horse \(UniqueText.make())"
        domainSecret = context.variables["domain_secret"] ?? ""
        let transport = LibcurlTransport(caFile: context.caFile)
        let other = context.variables["other_domain"] ?? ""
        func client(_ host: String, writingUnder writing: String? = nil, _ credential: Credential? = nil) throws
            -> Gatehouse
        {
            try Gatehouse(
                server: context.target.url, credential: credential, signingInAt: .cap,
                transport: UnderHost(host: host, writing: writing ?? host, transport: transport))
        }
        let credential = Credential.password(name: username, password: password)
        guest = try client(domain)
        user = try client(domain, credential)
        astray = try client(domain, writingUnder: other, credential)
        otherGuest = try client(other)
    }

    static let steps: [TourStep<CAPVisit>] = userSteps + addressSteps + endSteps

    /// Takes the user away when the tour did not come to its own end.
    static let leave = TourStep<CAPVisit>("delete the user", source: "DELETE /v1/users") { visit in
        if visit.exists { try await visit.user.deleteAlias() }
    }

    // MARK: A user

    private static let userSteps: [TourStep<CAPVisit>] = [
        TourStep("a wrong domain secret makes no user", source: "POST /private/user") { visit in
            let code = try await refusal { [visit] in
                try await visit.guest.createUser(
                    visit.username, password: visit.password, domainSecret: "not-the-secret-of-this-domain")
            }
            try expect("code", code, is: "invalid_credentials")
        },
        TourStep("the secret of a domain makes no user of another", source: "POST /private/user") { visit in
            let code = try await refusal { [visit] in
                try await visit.otherGuest.createUser(
                    visit.username, password: visit.password, domainSecret: visit.domainSecret)
            }
            try expect("code", code, is: "invalid_credentials")
        },
        TourStep("the domain's secret makes a user", source: "POST /private/user") { visit in
            try await visit.guest.createUser(
                visit.username.uppercased(), password: visit.password, domainSecret: visit.domainSecret)
            visit.exists = true
        },
        TourStep("a user is made once", source: "POST /private/user") { visit in
            let code = try await refusal { [visit] in
                try await visit.guest.createUser(
                    visit.username, password: visit.password, domainSecret: visit.domainSecret)
            }
            try expect("code", code, is: "alias_taken")
        },
        TourStep("the right password gives a token that ends", source: "POST /auth") { visit in
            let token = try await visit.user.accessToken()
            try expect("the token lasts minutes", (1...900).contains(token.expiresAt - token.startsAt))
        },
        TourStep("a wrong password and an unknown name are refused alike", source: "POST /auth") { visit in
            let stranger = visit.otherGuest
            let wrong = try await wholeRefusal {
                _ = try await stranger.signIn(name: "nobody-at-all", password: "wrong horse battery")
            }
            let elsewhere = try await wholeRefusal { [visit] in
                _ = try await stranger.signIn(name: visit.username, password: visit.password)
            }
            try expect("code", wrong.code, is: "invalid_credentials")
            try expect("the refusal of a user of another domain", elsewhere, is: wrong)
        },
    ]

    // MARK: Addresses

    private static let addressSteps: [TourStep<CAPVisit>] = [
        TourStep("a new user has no addresses", source: "GET /address/{username}/{coin}") { visit in
            try expect("btc", try await visit.guest.coin("btc", of: visit.username), is: nil)
            try expect("doge", try await visit.guest.coin("doge", of: visit.username), is: nil)
        },
        TourStep("an address that was set is found by everyone", source: "POST /address") { visit in
            try await visit.user.setCoin("doge", to: doge)
            try expect("doge", try await visit.guest.coin("DOGE", of: visit.username.uppercased()), is: doge)
        },
        TourStep("btc, bch and nano are the addresses of OpenCAP", source: "POST /address") { visit in
            try await visit.user.setCoin("nano", to: nano)
            try await visit.user.setCoin("btc", to: segWit)
            try await visit.user.setCoin("BTC", to: bitcoin)
            try expect("btc", try await visit.guest.coin("btc", of: visit.username), is: bitcoin)
            try expect("xrb", try await visit.guest.coin("xrb", of: visit.username), is: nano)
            let all = try await visit.guest.addresses(of: "\(visit.username)$\(visit.domain)")
            try expect("types", all.map(\.type.rawValue), is: [100, 102, 300])
        },
        TourStep("a mistyped address is refused and changes nothing", source: "POST /address") { visit in
            let code = try await refusal { [visit] in try await visit.user.setCoin("btc", to: bitcoin + "b") }
            try expect("code", code, is: "invalid_address")
            try expect("btc", try await visit.guest.coin("btc", of: visit.username), is: bitcoin)
        },
        TourStep("a token counts in its own domain only", source: "POST /address") { visit in
            let code = try await refusal { [visit] in try await visit.astray.setCoin("doge", to: "elsewhere") }
            try expect("code", code, is: "invalid_token")
            try expect("doge", try await visit.guest.coin("doge", of: visit.username), is: doge)
        },
    ]

    // MARK: The end

    private static let endSteps: [TourStep<CAPVisit>] = [
        TourStep("a user goes with its addresses", source: "DELETE /v1/users") { visit in
            _ = try await visit.user.accessToken()
            try await visit.user.deleteAlias()
            visit.exists = false
            let code = try await refusal { [visit] in _ = try await visit.guest.coin("doge", of: visit.username) }
            try expect("code", code, is: "unknown_alias")
        }
    ]
}

/// Sends under another host than that of the URL, as if the host's name led to the server.
private struct UnderHost: Transport {
    let host: String
    /// The host for `/address`.
    let writing: String
    let transport: LibcurlTransport

    func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        var request = request
        request.headers.append((name: "Host", value: request.url.hasSuffix("/address") ? writing : host))
        return try await transport.send(request)
    }
}
