import GatehouseCryptography
import GatehouseMessages
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport
import Testing
import WebTokens

@testable import GatehouseCore

@Suite("The keys that sign tokens")
struct SigningKeyTests {
    private static let alice = "alice@a.test"

    /// A store whose keys the server makes, with somebody to sign in.
    private func fixture(_ change: (inout Settings) -> Void = { _ in }) async throws -> Fixture {
        let fixture = try await Fixture(key: nil, change)
        try await fixture.anAccount(email: Self.alice)
        return fixture
    }

    /// The same store as another process sees it.
    private func another(_ fixture: Fixture, given: JWK? = nil) throws -> SigningKeys {
        SigningKeys(
            settings: fixture.settings, database: fixture.database, masterKey: fixture.masterKey,
            given: try given.map { key throws in try SigningKey(key) }, clock: fixture.time.clock)
    }

    private func states(_ keys: SigningKeys) async throws -> [String] {
        try await keys.list().map { "\($0.id) \($0.state.rawValue)" }
    }

    private func kid(of token: String) throws -> String {
        let header = try #require(Base64URL.decode(String(token.prefix { $0 != "." })))
        let text = String(decoding: header, as: UTF8.self)
        return try String(#require(text.firstMatch(of: #/"kid":"([^"]+)"/#)).1)
    }

    private func code(_ body: () async throws -> Void) async throws -> String? {
        do {
            try await body()
            return nil
        } catch let problem as Problem {
            return problem.code
        }
    }

    // MARK: The first key

    @Test("two starts at once take one key")
    func prepareRace() async throws {
        let folder = try TemporaryFolder()
        let first = try SQLiteDatabase(path: folder.path("store.db"))
        _ = try await first.migrate(Schema.migrations)
        let second = try SQLiteDatabase(path: folder.path("store.db"))
        let master = try SealingKey(SystemRandom.bytes(32))
        let time = TestClock()
        let results = try await sixteen { index in
            let keys = SigningKeys(
                settings: Settings(), database: index % 2 == 0 ? first : second, masterKey: master, given: nil,
                clock: time.clock)
            _ = try await keys.prepare()
            return try await keys.current().active.keyID
        }
        #expect(results.values.sorted() == [16])
        #expect(try await first.rows("SELECT id FROM signing_keys").count == 1)
        await first.close()
        await second.close()
    }

    @Test("a signing key is kept sealed and opened by its master key only")
    func isSealed() async throws {
        let fixture = try await fixture()
        let made = try await fixture.signingKeys.current().active
        #expect(made.algorithm == .edDSA)
        #expect(try await another(fixture).prepare() == nil)
        #expect(try await another(fixture).current().active.keyID == made.keyID)
        let sealed = try #require(try await fixture.database.rows("SELECT sealed FROM signing_keys").first).text(at: 0)
        let octets = try #require(Base64URL.decode(sealed))
        #expect(!String(decoding: octets, as: UTF8.self).contains("\"d\""))
        let other = SigningKeys(
            settings: fixture.settings, database: fixture.database, masterKey: try SealingKey(SystemRandom.bytes(32)),
            given: nil, clock: fixture.time.clock)
        let error = await #expect(throws: SigningKeyError.self) { _ = try await other.prepare() }
        #expect(error?.description.contains("cannot be opened") == true)
    }

    @Test("a sealed key opens in its own place only")
    func isBoundToItsPlace() async throws {
        let fixture = try await fixture()
        _ = try await fixture.signingKeys.rotate(atOnce: true)
        try await fixture.database.transaction { sql in
            try sql("UPDATE signing_keys SET sealed = (SELECT MIN(sealed) FROM signing_keys)")
        }
        let error = await #expect(throws: SigningKeyError.self) { _ = try await another(fixture).prepare() }
        #expect(error?.description.contains("cannot be opened") == true)
    }

    @Test("the key that a store had before keys had states is the one in use")
    func migrated() async throws {
        let database = try SQLiteDatabase.inMemory()
        let number = try #require(Schema.migrations.firstIndex { $0.title.contains("life of signing keys") })
        _ = try await database.migrate(Array(Schema.migrations[..<number]))
        let master = try SealingKey(SystemRandom.bytes(32))
        let jwk = JWK.generate(.ed25519)
        let id = try SigningKey(jwk).keyID
        let sealed = Base64URL.encode(
            try master.seal(Array(jwk.json(includingPrivate: true).utf8), context: "signing-key:\(id)"))
        try await database.transaction { sql in
            try sql(
                "INSERT INTO signing_keys (id, algorithm, sealed, created_at) VALUES (\(id), 'EdDSA', \(sealed), 1)")
        }
        _ = try await database.migrate(Schema.migrations)
        let time = TestClock()
        let keys = SigningKeys(
            settings: Settings(), database: database, masterKey: master, given: nil, clock: time.clock)
        #expect(try await keys.prepare() == nil)
        #expect(try await keys.current().active.keyID == id)
        // Nobody knows what it signed, so it is accepted as long as any token can live.
        _ = try await keys.rotate(atOnce: true)
        let entry = try await keys.require(id)
        #expect(entry.state == .retired)
        #expect(entry.acceptedUntil == time.now + (43_200 + 60) * 1_000_000)
    }

    @Test("the database refuses a second key in use, and a second one that is next")
    func constraint() async throws {
        let fixture = try await fixture()
        _ = try await fixture.signingKeys.rotate(atOnce: false)
        func insert(_ id: String, _ activatesAt: Int64?, _ activatedAt: Int64?) async throws {
            try await fixture.database.transaction { sql in
                try sql(
                    """
                    INSERT INTO signing_keys (id, algorithm, sealed, created_at, activates_at, activated_at)
                    VALUES (\(id), 'EdDSA', 'x', 1, \(activatesAt), \(activatedAt))
                    """)
            }
        }
        let second = await #expect(throws: StorageError.self) { try await insert("second", nil, 1) }
        #expect(second?.isUniqueViolation == true)
        let next = await #expect(throws: StorageError.self) { try await insert("next", 1, nil) }
        #expect(next?.isUniqueViolation == true)
        try await insert("waiting", nil, nil)
    }

    // MARK: The life of a key

    @Test(
        "a new key is published for the lead time before it signs; the old one is accepted until its last token is over"
    )
    func rotation() async throws {
        let fixture = try await fixture { $0.signingKeyLeadTime = 600 }
        let keys = fixture.signingKeys
        let old = try await keys.current().active.keyID
        let before = try await fixture.signIn(Self.alice, lifetime: 3000)

        fixture.time.advance(seconds: 1)
        let made = try await keys.rotate(atOnce: false)
        #expect(made.state == .standby)
        #expect(made.activatesAt == fixture.time.now + 600 * 1_000_000)
        #expect(try await states(keys) == ["\(old) active", "\(made.id) standby"])
        #expect(try await keys.current().published.contains { $0.contains(made.id) })
        #expect(try kid(of: try await fixture.signIn(Self.alice)) == old)

        fixture.time.advance(seconds: 599)
        #expect(try await keys.advance().isEmpty)
        fixture.time.advance(seconds: 1)
        #expect(try await keys.advance() == [.activated(made.id)])
        #expect(try await states(keys) == ["\(old) retired", "\(made.id) active"])
        #expect(try kid(of: try await fixture.signIn(Self.alice)) == made.id)
        #expect(try await fixture.refusal(of: before) == nil)

        // 3000 seconds from the retirement and the grace, because such a token could have been made in the last moment.
        fixture.time.advance(seconds: 3059)
        #expect(try await keys.advance().isEmpty)
        #expect(try await keys.current().published.contains { $0.contains(old) })
        fixture.time.advance(seconds: 1)
        #expect(try await !keys.current().published.contains { $0.contains(old) }, "also before it is tidied away")
        #expect(try await keys.advance() == [.removed(old)])
        #expect(try await states(keys) == ["\(made.id) active"])
    }

    @Test("a retired key that is over accepts nothing, whatever a token's exp says")
    func stolenRetiredKey() async throws {
        let fixture = try await Fixture(key: nil)
        let jwk = JWK.generate(.ed25519)
        let stolen = try await fixture.signingKeys.add(jwk)
        try await fixture.anAccount(email: Self.alice)
        let token = try await fixture.signIn(Self.alice, lifetime: 900)
        let payload = try #require(Base64URL.decode(String(token.split(separator: ".")[1])))
        var claims = String(decoding: payload, as: UTF8.self)
        claims = claims.replacing(#/"exp":\d+/#, with: "\"exp\":9999999999")
        let forged = try JWS.sign(Array(claims.utf8), type: "at+jwt", with: try SigningKey(jwk))
        #expect(try await fixture.refusal(of: forged) == nil)
        _ = try await fixture.signingKeys.retire(stolen.id)
        #expect(try await fixture.refusal(of: forged) == nil)
        fixture.time.advance(seconds: 43_200 + 60)
        #expect(try await fixture.refusal(of: forged) == "invalid_token")
    }

    @Test("a longer lifetime is noted before the first token that has it, by whichever process signs")
    func lifetimes() async throws {
        let fixture = try await fixture()
        let other = try another(fixture)
        _ = try await other.keyForToken(lifetime: 7200)
        _ = try await fixture.signingKeys.keyForToken(lifetime: 900)
        let old = try await other.current().active.keyID
        _ = try await fixture.signingKeys.rotate(atOnce: true)
        #expect(try await other.require(old).acceptedUntil == fixture.time.now + (7200 + 60) * 1_000_000)
        #expect(try await other.keyForToken(lifetime: 9000).keyID != old, "the change is noticed at once")
        #expect(try await other.require(old).acceptedUntil == fixture.time.now + (7200 + 60) * 1_000_000)
    }

    @Test("what a removed key signed is refused at the next request, in every process")
    func removal() async throws {
        let fixture = try await fixture()
        let other = try another(fixture)
        let token = try await fixture.signIn(Self.alice)
        #expect(try await fixture.refusal(of: token) == nil)
        let old = try kid(of: token)
        #expect(try await code { try await other.remove(old) } == "signing_key_state", "it is in use")
        _ = try await other.rotate(atOnce: true)
        #expect(try await fixture.refusal(of: token) == nil)
        try await other.remove(old)
        #expect(try await fixture.refusal(of: token) == "invalid_token")
        #expect(try await fixture.refusal(of: try await fixture.signIn(Self.alice)) == nil)
        #expect(try await code { try await other.remove(old) } == "unknown_signing_key")
    }

    @Test("states go one way, and the key in use needs a successor")
    func oneWay() async throws {
        let fixture = try await fixture { $0.signingKeyLeadTime = 600 }
        let keys = fixture.signingKeys
        let first = try await keys.current().active.keyID
        #expect(try await code { _ = try await keys.retire(first) } == "signing_key_state")
        #expect(try await keys.activate(first, atOnce: true).state == .active)
        let second = try await keys.rotate(atOnce: true).id
        #expect(try await code { _ = try await keys.activate(first, atOnce: true) } == "signing_key_state")
        let next = try await keys.rotate(atOnce: false).id
        #expect(try await code { _ = try await keys.rotate(atOnce: false) } == "signing_key_state")
        #expect(try await keys.activate(next, atOnce: false).state == .standby)
        #expect(try await keys.activate(next, atOnce: true).state == .active)
        #expect(try await states(keys).contains("\(second) retired"))
        #expect(try await code { _ = try await keys.retire("nobody") } == "unknown_signing_key")
        #expect(try await code { _ = try await keys.activate("nobody", atOnce: true) } == "unknown_signing_key")
    }

    @Test("an imported key waits, and has been published long enough after the lead time")
    func imported() async throws {
        let fixture = try await fixture { $0.signingKeyLeadTime = 600 }
        let keys = fixture.signingKeys
        let first = try await keys.add(.generate(.ed25519))
        let second = try await keys.add(.generate(.oct))
        #expect(first.state == .standby && first.activatesAt == nil)
        fixture.time.advance(seconds: 200)
        #expect(try await keys.activate(first.id, atOnce: false).activatesAt == fixture.time.now + 400 * 1_000_000)
        #expect(try await code { _ = try await keys.activate(second.id, atOnce: false) } == "signing_key_state")
        fixture.time.advance(seconds: 400)
        #expect(try await keys.advance() == [.activated(first.id)])
        #expect(try await keys.activate(second.id, atOnce: false).state == .active, "published for the lead time")
        let token = try await fixture.signIn(Self.alice)
        #expect(try kid(of: token) == second.id)
        #expect(try await fixture.refusal(of: token) == nil)
        #expect(try await !keys.current().published.contains { $0.contains("oct") })
        #expect(try await code { _ = try await keys.add(.generate(for: .edDSA)) } == nil)
    }

    @Test("a key that is there, public, weak or of an odd name is not imported")
    func importRefusals() async throws {
        let fixture = try await fixture()
        let keys = fixture.signingKeys
        func outcome(_ json: String) async throws -> String? {
            try await code { _ = try await keys.add(try JWK(parsing: Array(json.utf8))) }
        }
        let jwk = JWK.generate(.ed25519)
        #expect(try await outcome(jwk.json(includingPrivate: true)) == nil)
        #expect(try await outcome(jwk.json(includingPrivate: true)) == "signing_key_exists")
        let secret = Base64URL.encode(SystemRandom.bytes(32))
        for odd in [
            JWK.generate(.ed25519).json(includingPrivate: false),
            #"{"kty":"oct","k":"PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s"}"#,
            #"{"kty":"oct","k":"\#(Base64URL.encode(SystemRandom.bytes(31)))"}"#,
            #"{"kty":"oct","k":"\#(Base64URL.encode([UInt8](repeating: 65, count: 32)))"}"#,
            #"{"kty":"oct","k":"\#(secret)","alg":"EdDSA"}"#, #"{"kty":"oct","k":"\#(secret)","use":"enc"}"#,
            #"{"kty":"oct","k":"\#(secret)","kid":""}"#, #"{"kty":"oct","k":"\#(secret)","kid":"a b"}"#,
            #"{"kty":"oct","k":"\#(secret)","kid":"\#(String(repeating: "a", count: 129))"}"#,
        ] {
            #expect(try await outcome(odd) == "invalid_signing_key", "\(odd.count)")
        }
        #expect(try await keys.list().count == 2)
    }

    // MARK: Several at once

    @Test("of sixteen that rotate when it is due one makes a key, and one key takes over")
    func automaticRotation() async throws {
        let fixture = try await fixture {
            $0.signingKeyRotation = 30
            $0.signingKeyLeadTime = 3600
        }
        func everybodyAdvances() async throws -> [String: Int] {
            try await sixteen { _ in
                try await self.another(fixture).advance().map { event in
                    switch event {
                    case .made: "made"
                    case .activated: "activated"
                    case .removed: "removed"
                    }
                }.joined(separator: ", ")
            }
        }
        let first = try await fixture.signingKeys.current().active.keyID
        fixture.time.advance(seconds: 30 * 86_400 - 3601)
        #expect(try await everybodyAdvances() == ["": 16])
        fixture.time.advance(seconds: 1)
        #expect(try await everybodyAdvances() == ["made": 1, "": 15])
        fixture.time.advance(seconds: 3599)
        #expect(try await everybodyAdvances() == ["": 16])
        fixture.time.advance(seconds: 1)
        #expect(try await everybodyAdvances() == ["activated": 1, "": 15])
        let states = try await fixture.signingKeys.list().map(\.state)
        #expect(states == [.retired, .active])
        #expect(try await fixture.signingKeys.current().active.keyID != first)
    }

    @Test("a key is not rotated by itself unless a setting says so")
    func noAutomaticRotation() async throws {
        let fixture = try await fixture()
        fixture.time.advance(days: 3650)
        #expect(try await fixture.signingKeys.advance().isEmpty)
    }

    @Test("sixteen rotations at once leave one key in use, or one that is next")
    func rotationRace() async throws {
        let fixture = try await fixture()
        let atOnce = try await sixteen { _ in
            try await self.another(fixture).rotate(atOnce: true).id.isEmpty ? "" : "made"
        }
        #expect(atOnce == ["made": 16])
        #expect(try await fixture.signingKeys.list().count { $0.state == .active } == 1)
        let next = try await sixteen { _ in
            try await self.code { _ = try await self.another(fixture).rotate(atOnce: false) } ?? "made"
        }
        #expect(next == ["made": 1, "signing_key_state": 15])
    }

    // MARK: A key that a setting gives

    @Test("a key that a setting gives signs while it is given, and tokens of the store's keys stay good")
    func given() async throws {
        let fixture = try await fixture()
        let own = try await fixture.signIn(Self.alice)
        let jwk = JWK.generate(.oct)
        let withKey = try await Fixture(fixture.database, time: fixture.time, key: jwk, masterKey: fixture.masterKey)
        let token = try await withKey.signIn(Self.alice)
        #expect(try kid(of: token) == jwk.thumbprint())
        #expect(try await withKey.refusal(of: own) == nil)
        #expect(try await withKey.refusal(of: token) == nil)
        #expect(
            try await states(withKey.signingKeys) == ["\(jwk.thumbprint()) active", "\(try kid(of: own)) standby"])
        #expect(try await code { try await withKey.signingKeys.remove(jwk.thumbprint()) } == "signing_key_state")
        // It goes with its setting.
        #expect(try await fixture.refusal(of: token) == "invalid_token")
        #expect(try kid(of: try await fixture.signIn(Self.alice)) == (try kid(of: own)))
    }

    @Test("no other key takes the name of the one that a setting gives")
    func givenName() async throws {
        let fixture = try await fixture()
        let jwk = try JWK(parsing: Array(named("given").utf8))
        let withKey = try await Fixture(fixture.database, time: fixture.time, key: jwk, masterKey: fixture.masterKey)
        let other = try JWK(parsing: Array(named("given").utf8))
        #expect(try await code { _ = try await withKey.signingKeys.add(other) } == "signing_key_exists")
        #expect(try await code { _ = try await withKey.signingKeys.add(jwk) } == nil)
    }

    /// A new key with a `kid` of its own.
    private func named(_ kid: String) -> String {
        JWK.generate(.oct).json(includingPrivate: true).replacing("\"kty\"", with: "\"kid\":\"\(kid)\",\"kty\"")
    }

    @Test("a key that was imported before its setting went keeps its tokens good")
    func givenAndImported() async throws {
        let fixture = try await fixture()
        let jwk = JWK.generate(.oct)
        let withKey = try await Fixture(fixture.database, time: fixture.time, key: jwk, masterKey: fixture.masterKey)
        let token = try await withKey.signIn(Self.alice, lifetime: 3000)
        #expect(try await withKey.signingKeys.add(jwk).isGiven)
        #expect(try await fixture.refusal(of: token) == nil)
        let retired = try await fixture.signingKeys.retire(jwk.thumbprint())
        #expect(retired.acceptedUntil == fixture.time.now + (43_200 + 60) * 1_000_000)
        #expect(try await fixture.refusal(of: token) == nil)
    }

    @Test("a store whose key cannot carry the wanted algorithm is not served")
    func otherAlgorithm() async throws {
        let fixture = try await fixture()
        var settings = fixture.settings
        settings.signingAlgorithm = .hs256
        let keys = SigningKeys(
            settings: settings, database: fixture.database, masterKey: fixture.masterKey, given: nil,
            clock: fixture.time.clock)
        let error = await #expect(throws: SigningKeyError.self) { _ = try await keys.prepare() }
        #expect(error?.description.contains("rotate --algorithm HS256 --now") == true)
        _ = try await keys.rotate(atOnce: true)
        _ = try await keys.prepare()
        #expect(try await keys.current().active.algorithm == .hs256)
        // Without the setting a new key is like the one before.
        #expect(try await fixture.signingKeys.rotate(atOnce: true).algorithm == "HS256")
    }

    // MARK: The hot path

    @Test("only a change of the keys makes verified tokens unknown again")
    func ringIsKept() async throws {
        let fixture = try await fixture()
        let token = try await fixture.signIn(Self.alice)
        #expect(try await fixture.refusal(of: token) == nil)
        let ring = try await fixture.signingKeys.current()
        // An account that changes makes no new ring, so verified tokens stay known.
        try await fixture.anAccount(email: "bob@a.test")
        try await fixture.accounts.setDisabled(true, try AccountName("bob@a.test"))
        #expect(try await fixture.signingKeys.current() === ring)
        _ = try await fixture.signingKeys.add(.generate(.ed25519))
        #expect(try await fixture.signingKeys.current() !== ring)
    }
}
