import Foundation
import GatehouseCryptography
import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import GatehousePasswords
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport
import Testing
import WebTokens

@testable import GatehouseCore

@Suite("Accounts")
struct AccountTests {
    @Test("the last admin who can sign in cannot be deleted, disabled or demoted")
    func lastAdmin() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "admin@a.test", roles: [.admin])
        try await fixture.anAccount(email: "second@a.test", roles: [.admin])
        let (first, second) = (try AccountName("admin@a.test"), try AccountName("second@a.test"))
        // An admin who is disabled is none that could make another.
        try await fixture.accounts.setDisabled(true, second)
        await #expect(throws: AccountError.lastAdmin) { try await fixture.accounts.delete(first) }
        await #expect(throws: AccountError.lastAdmin) { try await fixture.accounts.setDisabled(true, first) }
        await #expect(throws: AccountError.lastAdmin) { try await fixture.accounts.setRoles([.staff], of: first) }
        try await fixture.accounts.setRoles([.admin, .staff], of: first)
        #expect(try await fixture.outcome("admin@a.test") == "200")
        try await fixture.accounts.delete(second)
        try await fixture.anAccount(email: "third@a.test", roles: [.admin])
        try await fixture.accounts.delete(first)
        #expect(try await fixture.count("SELECT COUNT(*) FROM account_roles WHERE role = 'admin'") == 1)
    }

    @Test("two admins who demote each other at once leave one")
    func mutualDemotion() async throws {
        let fixture = try await Fixture()
        for index in 0..<16 { try await fixture.anAccount(email: "admin\(index)@a.test", roles: [.admin]) }
        let results = try await sixteen { index in
            do {
                try await fixture.accounts.setRoles([], of: try AccountName("admin\(index)@a.test"))
                return "demoted"
            } catch AccountError.lastAdmin {
                return "last"
            }
        }
        #expect(results == ["demoted": 15, "last": 1])
    }

    @Test("of sixteen first admins at once one is made")
    func firstAdmin() async throws {
        let fixture = try await Fixture()
        let password = try fixture.newPassword()
        let results = try await sixteen { index in
            do {
                try await fixture.accounts.create(
                    email: try EmailAddress("admin\(index)@a.test"), alias: nil, password: password, roles: [.admin],
                    onlyAsFirstAdmin: true)
                return "made"
            } catch AccountError.adminExists {
                return "there is one"
            }
        }
        #expect(results == ["made": 1, "there is one": 15])
        #expect(try await fixture.count("SELECT COUNT(*) FROM accounts") == 1)
    }

    @Test("a name is taken whatever its spelling, and a refused account leaves nothing")
    func taken() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        try await fixture.anAccount(email: "j\u{F6}rg@a.test", alias: "alice$a.test")
        await #expect(throws: AccountError.nameTaken("j\u{F6}rg@a.test")) {
            try await fixture.anAccount(email: "JO\u{308}RG@A.test", alias: "bob$a.test")
        }
        await #expect(throws: AccountError.nameTaken("alice$a.test")) {
            try await fixture.anAccount(email: "new@a.test", alias: "Alice$A.test.", roles: [.admin])
        }
        await #expect(throws: AccountError.domainNotHosted("b.test")) {
            try await fixture.anAccount(email: "new@a.test", alias: "alice$b.test")
        }
        #expect(try await fixture.count("SELECT COUNT(*) FROM accounts") == 1)
        #expect(try await fixture.count("SELECT COUNT(*) FROM account_roles") == 0)
    }

    @Test("accounts are listed in the order of their making with their roles")
    func list() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        try await fixture.anAccount(email: "b@a.test", roles: [.staff, .admin])
        fixture.time.advance(seconds: 1)
        try await fixture.anAccount(alias: "a$a.test")
        try await fixture.accounts.setDisabled(true, try AccountName("a$a.test"))
        try await fixture.aDomain("b.test", owner: "a$a.test")
        let list = try await fixture.accounts.list()
        #expect(list.map(\.name) == ["b@a.test", "a$a.test"])
        #expect(list.map(\.roles) == [[.admin, .staff], [.owner, .alias]])
        #expect(list.map(\.isDisabled) == [false, true])
    }

    @Test("what does not exist cannot be changed")
    func unknown() async throws {
        let fixture = try await Fixture()
        let nobody = try AccountName("nobody@a.test")
        let error = AccountError.unknown("nobody@a.test")
        let password = try fixture.newPassword()
        await #expect(throws: error) { try await fixture.accounts.delete(nobody) }
        await #expect(throws: error) { try await fixture.accounts.setDisabled(true, nobody) }
        await #expect(throws: error) { try await fixture.accounts.setRoles([], of: nobody) }
        await #expect(throws: error) { try await fixture.accounts.setPassword(password, of: nobody) }
    }

    @Test(
        "a new password is not a name of its account",
        arguments: ["Alice$Wonderland.test", "wonderland.test", "GATEHOUSE"])
    func contextWords(password: String) async throws {
        let fixture = try await Fixture()
        let name = try AccountName("alice$wonderland.test")
        let problem = #expect(throws: Problem.self) { try fixture.accounts.checkNewPassword(password, for: [name]) }
        #expect(problem?.code == "weak_password")
    }

    // MARK: Aliases

    @Test("of sixteen creations of one alias at once one succeeds")
    func aliasRace() async throws {
        let fixture = try await Fixture()
        let secret = try await fixture.aDomain()
        let alias = try Alias("alice$a.test")
        let results = try await sixteen { _ in
            do {
                try await fixture.features.aliases.create(
                    alias, password: Fixture.password, with: { .secret(secret) }, from: Fixture.here)
                return "200"
            } catch let problem as Problem {
                return problem.code
            }
        }
        #expect(results == ["200": 1, "alias_taken": 15])
    }

    @Test("an account with an e-mail address outlives its alias")
    func outlivesAlias() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        let id = try await fixture.anAccount(email: "alice@mail.test", alias: "alice$a.test")
        let json = #"{"address_type":100,"address":"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"}"#
        let address = try GatehouseCore.PaymentAddress(try JSONValue(parsing: Array(json.utf8)), faults: Faults())
        try await fixture.features.addresses.set(address, of: id)
        let token = try await fixture.signIn("alice$a.test")
        let caller = try await fixture.tokens.check(token).account
        try await fixture.features.aliases.delete(nil, by: caller)
        #expect(try await fixture.outcome("alice$a.test") == "invalid_credentials")
        #expect(try await fixture.outcome("alice@mail.test") == "200")
        #expect(try await fixture.tokens.check(token).account.alias == nil)
        #expect(try await fixture.count("SELECT COUNT(*) FROM addresses") == 0)
        await #expect(throws: Problem.noAlias) { try await fixture.features.addresses.set(address, of: id) }
    }

    @Test("a disabled account's alias is not looked up")
    func disabledAlias() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        try await fixture.anAccount(alias: "alice$a.test")
        let alias = try Alias("alice$a.test")
        #expect(try await fixture.features.addresses.lookUp(alias).addresses.isEmpty)
        try await fixture.accounts.setDisabled(true, .alias(alias))
        await #expect(throws: Problem.unknownAlias) { try await fixture.features.addresses.lookUp(alias) }
        try await fixture.accounts.setDisabled(false, .alias(alias))
        #expect(try await fixture.features.addresses.lookUp(alias).addresses.isEmpty)
    }
}

@Suite("Domains")
struct DomainTests {
    private func added(_ fixture: Fixture, _ name: String, _ secret: String, allowWeak: Bool = false) async throws {
        _ = try await fixture.domains.add(
            try DomainName(name), secret: try DomainSecret(broughtAlong: secret, allowWeak: allowWeak))
    }

    @Test("a secret that we made is kept as its digest and opens its own domain only")
    func digest() async throws {
        let fixture = try await Fixture()
        let secret = try await fixture.aDomain()
        try await fixture.aDomain("b.test")
        #expect(Base64.decode(secret)?.count == 36)
        let row = try #require(
            try await fixture.database.rows("SELECT secret_digest, secret_hash FROM domains WHERE name = 'a.test'")
                .first)
        #expect(try row.text(at: 0) == Base64URL.encode(Digest.sha256(Array(secret.utf8))))
        #expect(try row.optionalText("secret_hash") == nil)
        #expect(try await fixture.domains.check(secret: secret, for: "a.test") == .thisDomain)
        #expect(try await fixture.domains.check(secret: secret, for: "b.test") == .otherDomain)
        #expect(try await fixture.domains.check(secret: secret, for: "c.test") == .nothing)
        #expect(try await fixture.domains.check(secret: "", for: "a.test") == .nothing)
        #expect(try await fixture.domains.check(secret: secret + " ", for: "a.test") == .nothing)
        #expect(try await fixture.domains.check(secret: try row.text(at: 0), for: "a.test") == .nothing)
    }

    @Test("a weak secret is refused unless it is insisted on, and then kept as a slow hash")
    func weakSecret() async throws {
        let fixture = try await Fixture()
        #expect(throws: DomainError.weakSecret) { try DomainSecret(broughtAlong: "hunter2", allowWeak: false) }
        // Long, but of few characters.
        #expect(throws: DomainError.weakSecret) {
            try DomainSecret(broughtAlong: String(repeating: "abc", count: 20), allowWeak: false)
        }
        for unusable in ["", "with space", "t\u{E4}b", "line\n", "\u{7F}", "a.b.c", "..", Self.strongWithDots] {
            #expect(throws: DomainError.unusableSecret) { try DomainSecret(broughtAlong: unusable, allowWeak: true) }
        }
        try await added(fixture, "weak.test", "hunter2", allowWeak: true)
        try await fixture.aDomain("strong.test")
        let row = try #require(
            try await fixture.database.rows("SELECT secret_digest, secret_hash FROM domains WHERE name = 'weak.test'")
                .first)
        #expect(try row.optionalText("secret_digest") == nil)
        #expect(try row.text("secret_hash").hasPrefix("$argon2id$"))
        #expect(try await fixture.domains.check(secret: "hunter2", for: "weak.test") == .thisDomain)
        #expect(try await fixture.domains.check(secret: "hunter3", for: "weak.test") == .nothing)
        #expect(try await fixture.domains.check(secret: "hunter2", for: "strong.test") == .nothing)
    }

    /// It would be taken for a token.
    private static let strongWithDots = String(Base64.encode(SystemRandom.bytes(36)).prefix(40)) + ".abcd.efgh"

    @Test("a secret that belongs to no domain takes as long as a wrong one, once a secret is kept as a slow hash")
    func timedSecrets() async throws {
        // A hash takes so long that nothing else counts.
        let fixture = try await Fixture(parameters: Argon2Parameters(memoryKiB: 16 * 1024, passes: 4, lanes: 1))
        try await added(fixture, "weak.test", "hunter2", allowWeak: true)
        try await fixture.aDomain("strong.test")
        var times: [String: [Duration]] = [:]
        for _ in 0..<5 {
            for domain in ["weak.test", "strong.test", "unhosted.test"] {
                let start = ContinuousClock.now
                #expect(try await fixture.domains.check(secret: "hunter3", for: domain) == .nothing)
                let time = start.duration(to: .now)
                times[domain, default: []].append(time)
            }
        }
        let medians = times.mapValues { $0.sorted()[2] }
        for domain in ["strong.test", "unhosted.test"] {
            let ratio = try #require(medians[domain]) / #require(medians["weak.test"])
            #expect((0.2...5).contains(ratio), "\(medians)")
        }
    }

    @Test("a strong secret that was brought along is kept as its digest")
    func strongSecret() async throws {
        let fixture = try await Fixture()
        let secret = Base64.encode(SystemRandom.bytes(36))
        try await added(fixture, "a.test", secret)
        #expect(try await fixture.count("SELECT COUNT(*) FROM domains WHERE secret_digest IS NOT NULL") == 1)
        #expect(try await fixture.domains.check(secret: secret, for: "a.test") == .thisDomain)
    }

    @Test("a new secret replaces the old one at once")
    func rotate() async throws {
        let fixture = try await Fixture()
        let old = try await fixture.aDomain()
        let name = try DomainName("a.test")
        let new = try await fixture.domains.rotateSecret(of: name)
        #expect(try await fixture.domains.check(secret: old, for: "a.test") == .nothing)
        #expect(try await fixture.domains.check(secret: new, for: "a.test") == .thisDomain)
        let weak = try DomainSecret(broughtAlong: "hunter2", allowWeak: true)
        _ = try await fixture.domains.rotateSecret(of: name, to: weak)
        #expect(try await fixture.domains.check(secret: new, for: "a.test") == .nothing)
        #expect(try await fixture.domains.check(secret: "hunter2", for: "a.test") == .thisDomain)
        await #expect(throws: DomainError.unknown("b.test")) {
            _ = try await fixture.domains.rotateSecret(of: try DomainName("b.test"))
        }
    }

    @Test("removing a domain removes its aliases with their addresses, and no account with an e-mail address")
    func remove() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        try await fixture.aDomain("b.test")
        let json = #"{"address_type":100,"address":"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"}"#
        let address = try GatehouseCore.PaymentAddress(try JSONValue(parsing: Array(json.utf8)), faults: Faults())
        for (email, alias) in [(nil, "one$a.test"), ("two@mail.test", "two$a.test"), (nil, "three$b.test")] {
            let id = try await fixture.anAccount(email: email, alias: alias)
            try await fixture.features.addresses.set(address, of: id)
        }
        let tokens = [try await fixture.signIn("one$a.test"), try await fixture.signIn("two$a.test")]
        try await fixture.domains.remove(try DomainName("a.test"))
        #expect(try await fixture.accounts.list().map(\.name).sorted() == ["three$b.test", "two@mail.test"])
        #expect(try await fixture.count("SELECT COUNT(*) FROM addresses") == 1)
        #expect(try await fixture.count("SELECT COUNT(*) FROM domain_hosts") == 1)
        #expect(try await fixture.refusal(of: tokens[0]) == "invalid_token")
        #expect(try await fixture.tokens.check(tokens[1]).account.alias == nil)
        await #expect(throws: DomainError.unknown("a.test")) {
            try await fixture.domains.remove(try DomainName("a.test"))
        }
        // Free again, without what was there.
        try await fixture.aDomain()
        await #expect(throws: Problem.unknownAlias) {
            try await fixture.features.addresses.lookUp(try Alias("one$a.test"))
        }
    }

    @Test("a domain, a host name and a secret belong to one domain")
    func taken() async throws {
        let fixture = try await Fixture()
        let name = try DomainName("a.test")
        let secret = try await fixture.domains.add(name, hosts: [try DomainName("id.a.test")])
        await #expect(throws: DomainError.taken("a.test")) { _ = try await fixture.domains.add(name) }
        await #expect(throws: DomainError.taken("a.test")) { try await fixture.aDomain("A.TEST.") }
        await #expect(throws: DomainError.hostTaken("id.a.test", by: "a.test")) {
            try await fixture.aDomain("id.a.test")
        }
        await #expect(throws: DomainError.hostTaken("a.test", by: "a.test")) {
            _ = try await fixture.domains.add(try DomainName("b.test"), hosts: [name])
        }
        await #expect(throws: DomainError.secretTaken(by: "a.test")) { try await added(fixture, "c.test", secret) }
        await #expect(throws: AccountError.unknown("nobody@a.test")) {
            try await fixture.aDomain("d.test", owner: "nobody@a.test")
        }
        #expect(try await fixture.domains.list().map(\.name) == ["a.test"])
        #expect(try await fixture.domains.list().first?.hosts == ["id.a.test"])
    }

    @Test("a host name that is given twice is one")
    func sameHostTwice() async throws {
        let fixture = try await Fixture()
        let (name, host) = (try DomainName("a.test"), try DomainName("id.a.test"))
        _ = try await fixture.domains.add(name, hosts: [host, name, host])
        #expect(try await fixture.domains.list().first?.hosts == ["id.a.test"])
    }

    @Test("of sixteen who add one domain at once one does")
    func race() async throws {
        let fixture = try await Fixture()
        let results = try await sixteen { _ in
            do {
                try await fixture.aDomain()
                return "added"
            } catch DomainError.taken {
                return "taken"
            }
        }
        #expect(results == ["added": 1, "taken": 15])
    }

    @Test("a domain outlives its owner")
    func owner() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "owner@mail.test")
        try await fixture.aDomain(owner: "owner@mail.test")
        #expect(try await fixture.domains.list().first?.owner == "owner@mail.test")
        try await fixture.accounts.delete(try AccountName("owner@mail.test"))
        #expect(try await fixture.domains.list().first?.owner == nil)
    }
}

@Suite("Keys")
struct KeyTests {
    private func settings(_ folder: TemporaryFolder) -> Settings {
        var settings = Settings()
        settings.database = folder.path("store.db")
        return settings
    }

    private func store() async throws -> SQLiteDatabase {
        let database = try SQLiteDatabase.inMemory()
        _ = try await database.migrate(Schema.migrations)
        return database
    }

    @Test("a master key is made once, for nobody but its owner to read")
    func masterKeyIsMade() async throws {
        let folder = try TemporaryFolder()
        let database = try await store()
        let first = try await MasterKey.load(settings: settings(folder), database: database)
        let path = folder.path("store.db.key")
        #expect(first.madeFile == path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        #expect(Base64URL.decode(text.trimmingCharacters(in: .newlines))?.count == 32)
        let second = try await MasterKey.load(settings: settings(folder), database: database)
        #expect(second.madeFile == nil)
        #expect(second.key.fingerprint == first.key.fingerprint)
        #expect(!text.contains(first.key.fingerprint))
    }

    @Test("a master key that is missing, another or unreadable is refused, and nothing is made")
    func masterKeyIsRefused() async throws {
        let folder = try TemporaryFolder()
        let database = try await store()
        let settings = settings(folder)
        let path = folder.path("store.db.key")
        _ = try await MasterKey.load(settings: settings, database: database)

        try FileManager.default.removeItem(atPath: path)
        let missing = await #expect(throws: MasterKeyError.self) {
            try await MasterKey.load(settings: settings, database: database)
        }
        #expect(missing?.description.contains("there is no file") == true)
        #expect(!FileManager.default.fileExists(atPath: path))

        try folder.write(Base64URL.encode(SystemRandom.bytes(32)), to: "store.db.key")
        let other = await #expect(throws: MasterKeyError.self) {
            try await MasterKey.load(settings: settings, database: database)
        }
        #expect(other?.description.contains("is not the one") == true)

        for text in ["", "short", "!!!", Base64URL.encode(SystemRandom.bytes(31)), String(repeating: "A", count: 2000)]
        {
            try folder.write(text, to: "store.db.key")
            let broken = await #expect(throws: MasterKeyError.self) {
                try await MasterKey.load(settings: settings, database: database)
            }
            let message = broken?.description ?? ""
            #expect(message.contains(path) && message.contains("does not hold 32 octets"))
            #expect(message.contains("Put your copy of the key back"))
            // Of a store that has sealed nothing there is no copy.
            let early = await #expect(throws: MasterKeyError.self) {
                try await MasterKey.load(settings: settings, database: try await self.store())
            }
            #expect(early?.description.contains("remove the file") == true)
        }
    }

    @Test("a master key file that is there and cannot be read is said to be so, and why")
    func masterKeyCannotBeRead() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("store.db.key")
        // Permissions do not bind root, under whom tests may run; these causes do.
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let isFolder = await #expect(throws: MasterKeyError.self) {
            try await MasterKey.load(settings: settings(folder), database: try await self.store())
        }
        #expect(isFolder?.description.contains("\(path) cannot be read: Is a directory. ") == true)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
        let isCircle = await #expect(throws: MasterKeyError.self) {
            try await MasterKey.load(settings: settings(folder), database: try await self.store())
        }
        #expect(isCircle?.description.contains("\(path) cannot be read: Too many levels") == true)
    }

    @Test("first starts at once make one master key, and all take it whole")
    func masterKeyRace() async throws {
        // Each round has a store and connections that are open already, so that the starts meet at the file.
        for _ in 0..<20 {
            let folder = try TemporaryFolder()
            let databases = try (0..<4).map { _ throws in try SQLiteDatabase(path: folder.path("store.db")) }
            _ = try await databases[0].migrate(Schema.migrations)
            let settings = settings(folder)
            let keys = try await withThrowingTaskGroup(of: MasterKey.self) { group in
                for index in 0..<16 {
                    group.addTask { try await MasterKey.load(settings: settings, database: databases[index % 4]) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(keys.map(\.key.fingerprint)).count == 1)
            #expect(keys.compactMap(\.madeFile) == [folder.path("store.db.key")])
            for database in databases { await database.close() }
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
            #expect(left.sorted() == ["store.db", "store.db.key"])
        }
    }

    @Test("a key file that cannot be made is said to be so")
    func masterKeyCannotBeMade() async throws {
        let folder = try TemporaryFolder()
        var settings = settings(folder)
        settings.masterKeyFile = folder.path("nowhere/master.key")
        let error = await #expect(throws: MasterKeyError.self) {
            try await MasterKey.load(settings: settings, database: try await self.store())
        }
        #expect(error?.description.contains("cannot be made") == true)
    }
}
