import GatehouseClient
import GatehouseRunner
import Synchronization

extension Tour {
    /// A stay at the Ampho door: sign in, use, renew, list, end, refused, through the SDK alone.
    package static let ampho = Tour(
        name: "ampho", title: "Ampho through the SDK", needs: ["domain", "domain_secret"],
        start: AmphoVisit.init, steps: AmphoVisit.steps, cleanUp: [AmphoVisit.leave])
}

/// What the steps of the tour share.
private struct AmphoVisit: Sendable {
    let alias: String
    let password: String
    let domainSecret: String
    /// Somebody without a sign-in.
    let guest: Gatehouse
    /// Two devices of the same person, each with a sign-in of its own.
    let phone: Device
    let laptop: Device
    /// Whether the alias has been made and not been deleted.
    var exists = false
    /// What the phone kept before it renewed.
    var rotated: StoredCredential?

    static let address = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"

    /// A client whose time and whose wire the tour can disturb.
    struct Device: Sendable {
        let gatehouse: Gatehouse
        let store = MemoryCredentialStore()
        let clock = ShiftedClock()
        let wire: CuttableWire

        /// - Parameter kept: a sign-in that it begins with.
        init(_ server: String, _ caFile: String?, kept: StoredCredential? = nil) throws {
            wire = CuttableWire(caFile: caFile)
            if let kept { try store.replace(nil, with: kept) }
            gatehouse = try Gatehouse(
                server: server, signingInAt: .ampho(), store: store, transport: wire, clock: clock.wall)
        }
    }

    private let caFile: String?

    init(_ context: TourContext) throws {
        alias = "tour-\(context.unique)$\(context.variables["domain"] ?? "")"
        password = "correct horse \(UniqueText.make())"
        domainSecret = context.variables["domain_secret"] ?? ""
        caFile = context.caFile
        guest = try Gatehouse(server: context.target.url, transport: LibcurlTransport(caFile: context.caFile))
        phone = try Device(context.target.url, context.caFile)
        laptop = try Device(context.target.url, context.caFile)
    }

    static let steps: [TourStep<AmphoVisit>] = signInSteps + renewalSteps + sessionSteps + endSteps

    /// Takes the alias away when the tour did not come to its own end.
    static let leave = TourStep<AmphoVisit>("delete the alias", source: "DELETE /v1/users") { visit in
        guard visit.exists else { return }
        try await visit.phone.gatehouse.signIn(name: visit.alias, password: visit.password)
        try await visit.phone.gatehouse.deleteAlias()
    }

    // MARK: Signing in

    private static let signInSteps: [TourStep<AmphoVisit>] = [
        TourStep("the domain's secret makes an alias", source: "POST /v1/users") { visit in
            try await visit.guest.createAlias(
                visit.alias, password: visit.password, by: .domainSecret(visit.domainSecret))
            visit.exists = true
        },
        TourStep("a wrong password and an unknown name are refused alike", source: "POST /api/security/login") {
            visit in
            let wrong = try await wholeRefusal { [visit] in
                _ = try await visit.phone.gatehouse.signIn(name: visit.alias, password: "wrong horse battery")
            }
            let unknown = try await wholeRefusal { [visit] in
                _ = try await visit.phone.gatehouse.signIn(
                    name: "nobody-\(visit.alias)", password: "wrong horse battery")
            }
            try expect("code", wrong.code, is: "invalid_credentials")
            try expect("the refusal of an unknown name", unknown, is: wrong)
            try expect("what is kept", try visit.phone.store.load() == nil)
        },
        TourStep("the right password gives a token that begins and ends", source: "POST /api/security/login") { visit in
            let token = try await visit.phone.gatehouse.signIn(name: visit.alias, password: visit.password)
            try expect("startsAt is before expiresAt", token.startsAt < token.expiresAt)
            try expect("what is kept", try visit.phone.store.load()?.name, is: visit.alias)
        },
        TourStep("the token opens what the account may do", source: "PUT /v1/addresses") { visit in
            try await visit.phone.gatehouse.setAddress(address, type: .bitcoinP2PKH)
            let found = try await visit.guest.address(of: visit.alias, type: .bitcoinP2PKH)
            try expect("address", found?.address, is: address)
        },
    ]

    // MARK: Renewing

    private static let renewalSteps: [TourStep<AmphoVisit>] = [
        TourStep("a token at its end is renewed, without the password", source: "POST /api/security/renew") { visit in
            let before = try await visit.phone.gatehouse.accessToken()
            visit.rotated = try visit.phone.store.load()
            visit.phone.clock.pass(before)
            let after = try await visit.phone.gatehouse.accessToken()
            try expect("the token is another", after.text != before.text)
            try await visit.phone.gatehouse.setAddress(address, type: .bitcoinP2PKH)
            try expect("sessions", try await visit.phone.gatehouse.sessions().count, is: 1)
        },
        TourStep("sixteen tasks at its end cause one renewal", source: "POST /api/security/renew") { visit in
            let phone = visit.phone
            phone.clock.pass(try await phone.gatehouse.accessToken())
            let renewals = phone.wire.renewals
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<16 {
                    group.addTask { try await phone.gatehouse.setAddress(address, type: .bitcoinP2PKH) }
                }
                try await group.waitForAll()
            }
            try expect("renewals", phone.wire.renewals - renewals, is: 1)
        },
        TourStep("a renewal whose answer is lost costs nothing", source: "POST /api/security/renew") { visit in
            let phone = visit.phone
            phone.clock.pass(try await phone.gatehouse.accessToken())
            phone.wire.cutNextRenewal()
            let renewals = phone.wire.renewals
            try await phone.gatehouse.setAddress(address, type: .bitcoinP2PKH)
            try expect("renewals", phone.wire.renewals - renewals, is: 2)
            phone.clock.pass(try await phone.gatehouse.accessToken())
            try await phone.gatehouse.setAddress(address, type: .bitcoinP2PKH)
            try expect("sessions", try await phone.gatehouse.sessions().count, is: 1)
        },
        TourStep("a refresh token that was rotated long since ends its session", source: "POST /api/security/renew") {
            visit in
            let thief = try Device(visit.guest.server, visit.caFile, kept: visit.rotated)
            thief.clock.pass(try await thief.gatehouse.accessToken())
            try await signInRequired { try await thief.gatehouse.setAddress(address, type: .bitcoinP2PKH) }
            let phone = visit.phone
            try await signInRequired { try await phone.gatehouse.setAddress(address, type: .bitcoinP2PKH) }
            try await phone.gatehouse.signIn(name: visit.alias, password: visit.password)
        },
    ]

    // MARK: Sessions

    private static let sessionSteps: [TourStep<AmphoVisit>] = [
        TourStep("each sign-in is a session, and one knows one's own", source: "GET /api/sessions") { visit in
            try await visit.laptop.gatehouse.signIn(name: visit.alias, password: visit.password)
            let seen = try await visit.phone.gatehouse.sessions()
            try expect("sessions", seen.count, is: 2)
            try expect("sessions of this client", seen.filter(\.isCurrent).count, is: 1)
            let other = try await visit.laptop.gatehouse.sessions()
            try expect("ids", Set(other.map(\.id)), is: Set(seen.map(\.id)))
            try expect("the two are different", other.first(where: \.isCurrent) != seen.first(where: \.isCurrent))
        },
        TourStep("a session that was ended elsewhere is over at the next request", source: "DELETE /api/sessions/{id}")
        {
            visit in
            let (phone, laptop) = (visit.phone, visit.laptop)
            let other = try await phone.gatehouse.sessions().first { !$0.isCurrent }
            let id = other?.id ?? ""
            try await phone.gatehouse.endSession(id)
            try await signInRequired { try await laptop.gatehouse.setAddress(address, type: .bitcoinP2PKH) }
            try expect("sessions", try await phone.gatehouse.sessions().map(\.isCurrent), is: [true])
            let code = try await refusal { try await phone.gatehouse.endSession(id) }
            try expect("code", code, is: "unknown_session")
        },
    ]

    // MARK: The end

    private static let endSteps: [TourStep<AmphoVisit>] = [
        TourStep("a new password ends all sessions but that of whoever chose it", source: "POST /api/password") {
            visit in
            let (phone, laptop, alias, old) = (visit.phone, visit.laptop, visit.alias, visit.password)
            try await laptop.gatehouse.signIn(name: alias, password: old)
            let new = "another \(old)"
            try await phone.gatehouse.changePassword(from: old, to: new)
            try await signInRequired { try await laptop.gatehouse.setAddress(address, type: .bitcoinP2PKH) }
            let code = try await refusal { try await laptop.gatehouse.signIn(name: alias, password: old) }
            try expect("code", code, is: "invalid_credentials")
            try await phone.gatehouse.changePassword(from: new, to: old)
            try await phone.gatehouse.setAddress(address, type: .bitcoinP2PKH)
        },
        TourStep("signing out ends the session", source: "POST /api/revoke") { visit in
            let copy = try Device(visit.guest.server, visit.caFile, kept: try visit.phone.store.load())
            try await visit.phone.gatehouse.signOut()
            try expect("what is kept", try visit.phone.store.load() == nil)
            try await signInRequired { try await copy.gatehouse.setAddress(address, type: .bitcoinP2PKH) }
        },
        TourStep("a deleted account is refused at once", source: "DELETE /v1/users") { visit in
            let (phone, laptop, alias, password) = (visit.phone, visit.laptop, visit.alias, visit.password)
            try await phone.gatehouse.signIn(name: alias, password: password)
            try await laptop.gatehouse.signIn(name: alias, password: password)
            try await phone.gatehouse.deleteAlias()
            visit.exists = false
            try await signInRequired { try await laptop.gatehouse.setAddress(address, type: .bitcoinP2PKH) }
            let code = try await refusal { try await laptop.gatehouse.signIn(name: alias, password: password) }
            try expect("code", code, is: "invalid_credentials")
        },
    ]
}

/// Stops the step unless the call ends with the server's word that one has to sign in again.
private func signInRequired(
    file: String = #fileID, line: Int = #line, _ call: @Sendable () async throws -> Void
) async throws {
    do {
        try await call()
    } catch GatehouseError.signInRequired(let refusal) {
        try expect("code", refusal?.code, is: "invalid_token", file: file, line: line)
        return
    }
    try expect("refused by the server", false, file: file, line: line)
}

/// This machine's clock, put forward as the tour needs it, so that nobody has to wait for a token to end.
private final class ShiftedClock: Sendable {
    private let ahead = Mutex(0.0)

    var wall: WallClock {
        WallClock(
            now: { WallClock.system.now() + self.ahead.withLock { $0 } }, sleep: WallClock.system.sleep)
    }

    /// Puts it forward until the token is over.
    func pass(_ token: AccessToken) { ahead.withLock { $0 += Double(token.expiresAt - token.startsAt) + 1 } }
}

/// libcurl, and a way to lose an answer.
private final class CuttableWire: Transport {
    private let transport: LibcurlTransport
    private let state = Mutex((renewals: 0, cuts: 0))

    init(caFile: String?) { transport = LibcurlTransport(caFile: caFile) }

    /// How often a token was presented for renewal.
    var renewals: Int { state.withLock { $0.renewals } }

    func cutNextRenewal() { state.withLock { $0.cuts = 1 } }

    func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        let response = try await transport.send(request)
        guard request.url.hasSuffix("/renew") else { return response }
        let isCut = state.withLock { state in
            state.renewals += 1
            defer { state.cuts = 0 }
            return state.cuts > 0
        }
        if isCut { throw TransportFailure(.connectionLost, "the tour cut it", mayHaveArrived: true) }
        return response
    }
}
