import GatehouseClient
import GatehouseRunner
import HTTPSignatures

extension Tour {
    /// The pages of Flask-Cavage's documentation, asked for with a key: signed in both families, refused, repeated.
    package static let cavage = Tour(
        name: "cavage", title: "Signed requests through the SDK", needs: ["api_key_id", "api_secret"],
        start: CavageVisit.init, steps: CavageVisit.steps)
}

/// What the steps of the tour share.
private struct CavageVisit: Sendable {
    /// Somebody without a key.
    let guest: Gatehouse
    /// The same key, by each family.
    let signers: [Gatehouse]
    /// A key of the same name with another secret.
    let forgers: [Gatehouse]
    /// Clients with the right key and a clock that is an hour late.
    let late: [Gatehouse]

    static let page = "/hello_world_private"

    init(_ context: TourContext) throws {
        let transport = LibcurlTransport(caFile: context.caFile)
        let server = context.target.url
        let id = context.variables["api_key_id"] ?? ""
        let secret = context.variables["api_secret"] ?? ""
        func clients(_ secret: String, clock: WallClock = .system) throws -> [Gatehouse] {
            // The document's own secret is a weak one.
            let key = try SignatureKey(id: id, secret: secret, allowsWeak: true)
            return try [SigningPolicy.cavage(key), .rfc9421(key)].map { policy in
                try Gatehouse(server: server, credential: .signature(policy), transport: transport, clock: clock)
            }
        }
        guest = try Gatehouse(server: server, transport: transport)
        signers = try clients(secret)
        forgers = try clients(secret + "x")
        late = try clients(
            secret, clock: WallClock(now: { WallClock.system.now() - 3600 }, sleep: WallClock.system.sleep))
    }

    static let steps: [TourStep<CavageVisit>] = [
        TourStep("the public page wants no signature", source: "GET /hello_world") { visit in
            try expectPage(try await visit.guest.send("GET", "/hello_world"), "Hello, World!")
        },
        TourStep("the private page is refused without one, and says what it wants", source: "GET /hello_world_private")
        {
            visit in
            let answer = try await visit.guest.send("GET", page)
            try expect("status", answer.status, is: 401)
            let challenge = answer.headers.first { line in
                line.name.lowercased() == "www-authenticate" && line.value.hasPrefix("Signature ")
            }
            try expect("the challenge names what to cover", challenge?.value.contains("(request-target)") == true)
        },
        TourStep("a signed GET shows it", source: "GET /hello_world_private") { visit in
            for signer in visit.signers { try expectPage(try await signer.send("GET", page + "?a=%20&b")) }
        },
        TourStep("a signed POST shows it, with its body covered by a digest", source: "POST /hello_world_private") {
            visit in
            for signer in visit.signers {
                let json = [(name: "Content-Type", value: "application/json")]
                try expectPage(
                    try await signer.send("POST", page, headers: json, body: .octets(Array("{}".utf8))))
                try expectPage(try await signer.send("POST", page))
            }
        },
        TourStep("sixteen tasks may ask for the same at once", source: "GET /hello_world_private") { visit in
            for signer in visit.signers {
                let answers = try await withThrowingTaskGroup(of: TransportResponse.self) { group in
                    for _ in 0..<16 { group.addTask { try await signer.send("GET", page) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                for answer in answers { try expectPage(answer) }
            }
        },
        TourStep("a signed POST counts once", source: "POST /hello_world_private") { visit in
            for signer in visit.signers {
                let signed = try await signer.signed("POST", page)
                try expectPage(try await signer.send(signed))
                try expect("status", try await signer.send(signed).status, is: 401)
            }
        },
        TourStep("another secret is refused", source: "GET /hello_world_private") { visit in
            for forger in visit.forgers { try expect("status", try await forger.send("GET", page).status, is: 401) }
        },
        TourStep("a clock that is an hour late is corrected", source: "GET /hello_world_private") { visit in
            for client in visit.late { try expectPage(try await client.send("GET", page)) }
        },
    ]
}

/// The document's own page has a space before its words.
private func expectPage(
    _ answer: TransportResponse, _ words: String = "Hello, world!", file: String = #fileID, line: Int = #line
) throws {
    try expect("status", answer.status, is: 200, file: file, line: line)
    let text = String(decoding: answer.body.drop { $0 == 0x20 }, as: UTF8.self)
    try expect("page", text, is: words, file: file, line: line)
}
