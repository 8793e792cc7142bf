import Foundation
import GatehousePasswords
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("Password hashing")
struct HashingTests {
    /// Small parameters keep the tests quick; the standard ones are tested once.
    private static let light = Argon2Parameters(memoryKiB: 64, passes: 1, lanes: 1)
    let hasher = PasswordHasher(parameters: light, concurrency: 2)

    @Test("a hash is a PHC string of argon2id with 19 MiB and 2 passes, and its password verifies")
    func standard() async throws {
        let hasher = PasswordHasher(concurrency: 1)
        let hash = try await hasher.hash("correct horse battery")
        #expect(hash.wholeMatch(of: /\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+\/]{22}\$[A-Za-z0-9+\/]{43}/) != nil)
        #expect(try await hasher.verify("correct horse battery", against: hash) == .right(needsRenewal: false))
        #expect(try await hasher.verify("correct horse battery ", against: hash) == .wrong)
    }

    @Test(
        "hashes made by the reference program verify, of every variant and version",
        arguments: [
            // From the test program of the reference implementation (phc-winner-argon2, CC0): password and salt "somesalt".
            "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ])
    func reference(phc: String) async throws {
        #expect(try await hasher.verify("password", against: phc) != .wrong)
        #expect(try await hasher.verify("Password", against: phc) == .wrong)
        // However much work they were.
        #expect(try await hasher.verify("password", against: phc) == .right(needsRenewal: true))
    }

    @Test("weaker hashes ask to be renewed")
    func renewal() async throws {
        let old = try await hasher.hash("secret one")
        let stronger = PasswordHasher(parameters: .init(memoryKiB: 128, passes: 1, lanes: 1), concurrency: 1)
        #expect(try await stronger.verify("secret one", against: old) == .right(needsRenewal: true))
    }

    @Test("nothing is truncated: passwords that differ in their thousandth character are two")
    func length() async throws {
        let long = String(repeating: "a", count: 999)
        let hash = try await hasher.hash(long + "b")
        #expect(try await hasher.verify(long + "b", against: hash) == .right(needsRenewal: false))
        #expect(try await hasher.verify(long + "c", against: hash) == .wrong)
    }

    @Test(
        "what is no hash of ours is an error, not a wrong password",
        arguments: [
            "", "$", "plain", "$argon2id$", "$argon2id$v=19$m=1$a$b", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=64,t=1,m=64$c29tZXNhbHQ$AAAAAAAA", "$argon2id$v=18$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAA",
            "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$AAAAAAAA", "$2b$12$abcdefghijklmnopqrstuv", "$2",
            "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$AAAAAAAA",
            "$argon2id$v=19$m=1048576,t=60,p=1$c29tZXNhbHQ$AAAAAAAA",
        ])
    func malformed(phc: String) async {
        await #expect(throws: PasswordHashingError.self) { try await hasher.verify("password", against: phc) }
    }

    @Test("a crowd beyond the queue is told at once that the server is busy, and the others get their hash")
    func bounded() async {
        let hasher = PasswordHasher(
            parameters: .init(memoryKiB: 19456, passes: 2, lanes: 1), concurrency: 1, maximumWaiting: 3,
            maximumWait: .seconds(60))
        let results = await withTaskGroup(of: Result<String, PasswordHashingError>.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do throws(PasswordHashingError) { return .success(try await hasher.hash("secret")) } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: [Result<String, PasswordHashingError>]()) { $0.append($1) }
        }
        let refused = results.filter { $0 == .failure(.overloaded) }.count
        #expect(refused >= 10)
        #expect(results.count - refused >= 3)
        #expect(results.allSatisfy { if case .failure(let error) = $0 { error == .overloaded } else { true } })
    }

    @Test("whoever waited too long for a thread is told that the server is busy")
    func longWait() async throws {
        let hasher = PasswordHasher(
            parameters: .init(memoryKiB: 65536, passes: 4, lanes: 1), concurrency: 1, maximumWait: .zero)
        let refusals = await withTaskGroup(of: PasswordHashingError?.self) { group in
            for number in 0..<3 {
                group.addTask {
                    do throws(PasswordHashingError) {
                        _ = try await hasher.hash("secret \(number)")
                        return nil
                    } catch { return error }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(refusals.filter { $0 == .overloaded }.count >= 2, "\(refusals)")
    }

    @Test("one password has another hash each time")
    func salted() async throws {
        #expect(try await hasher.hash("secret one") != hasher.hash("secret one"))
    }

    #if os(Linux)
    @Test("hashes are computed at a lower priority than everything else")
    func priority() async throws {
        // The salt is made on the thread that hashes, and Linux keeps a niceness for each thread.
        let seen = Mutex<Int32?>(nil)
        let hasher = PasswordHasher(parameters: Self.light, concurrency: 1) {
            seen.withLock { $0 = getpriority(Int32(PRIO_PROCESS.rawValue), 0) }
            return [UInt8](repeating: 1, count: 16)
        }
        _ = try await hasher.hash("secret one")
        #expect(try #require(seen.withLock { $0 }) >= min(19, getpriority(Int32(PRIO_PROCESS.rawValue), 0) + 5))
    }
    #endif

    @Test("a call that is cancelled while it waits gives its place up")
    func cancellation() async throws {
        let hasher = PasswordHasher(parameters: .init(memoryKiB: 65536, passes: 4, lanes: 1), concurrency: 1)
        let busy = Task { try await hasher.hash("first") }
        let waiting = Task { () async -> PasswordHashingError? in
            do throws(PasswordHashingError) {
                _ = try await hasher.hash("second")
                return nil
            } catch { return error }
        }
        waiting.cancel()
        #expect(await waiting.value == .cancelled)
        _ = try await busy.value
    }
}

@Suite("Password policy")
struct PolicyTests {
    private let policy = PasswordPolicy.default

    private func refusal(_ text: String, _ policy: PasswordPolicy = .default, words: [String] = [])
        -> PasswordPolicyError?
    {
        do {
            _ = try policy.check(text, contextWords: words)
            return nil
        } catch { return error }
    }

    @Test("8 characters are needed, 15 under the NIST policy")
    func length() {
        #expect(refusal("taRx64t") == .tooShort(minimum: 8))
        #expect(refusal("taRx64tZ") == nil)
        #expect(refusal("fourteen chars", .nist) == .tooShort(minimum: 15))
        #expect(refusal("fifteen letters", .nist) == nil)
    }

    @Test(
        "a common password is refused, in any case",
        arguments: ["password", "PassWord", "iloveyou", "qwertyuiop", "football"])
    func common(text: String) { #expect(refusal(text) == .common) }

    @Test("at least ten thousand common passwords are known")
    func commonCount() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Server/Passwords/CommonPasswords+List.swift")
        let words = try String(contentsOf: file, encoding: .utf8).split(separator: "\"\"\"")[1].split(
            whereSeparator: \.isWhitespace)
        #expect(words.count >= 10_000)
        for word in words.filter({ $0.count >= 8 }).shuffled().prefix(200) { #expect(refusal(String(word)) == .common) }
    }

    @Test("the user name, the domain and the product are refused, whatever their case")
    func context() {
        #expect(refusal("GateHouse") == .contextWord)
        #expect(refusal("Alice.Smith", words: ["alice.smith", "example.com"]) == .contextWord)
        #expect(refusal("example.com", words: ["alice", "example.com"]) == .contextWord)
        #expect(refusal("example.com.", words: ["alice", "example.com"]) == nil)
    }

    @Test("1 024 characters of any script are taken, and one password typed on two systems is one")
    func unicode() throws {
        #expect(refusal(String(repeating: "語", count: 1024)) == nil)
        let composed = try policy.check("Zürich-Straße", contextWords: [])
        let decomposed = try policy.check("Zu\u{308}rich-Straße", contextWords: [])
        #expect(composed.text.unicodeScalars.elementsEqual(decomposed.text.unicodeScalars))
    }

    @Test("NUL and sizes beyond 8 KiB are refused")
    func unusable() {
        #expect(refusal("abcdefgh\u{0}") == .containsNUL)
        #expect(refusal(String(repeating: "a", count: 8193)) == .tooLong)
    }

    @Test("a password does not appear when it is printed")
    func silent() throws {
        let password = try policy.check("do not print me", contextWords: [])
        #expect(!"\(password)".contains("print"))
        var dumped = ""
        dump(password, to: &dumped)
        #expect(!dumped.contains("print me"))
    }
}

@Suite("Hashes of bcrypt, as other programs made them")
struct BcryptTests {
    let hasher = PasswordHasher(parameters: .init(memoryKiB: 64, passes: 1, lanes: 1), concurrency: 2)

    @Test(
        "published hashes verify under each of their names, and ask to be renewed",
        arguments: [
            // From the test program of crypt_blowfish (Openwall, public domain).
            ("U*U", "$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U*", "$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
            ("U*U*U", "$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
            ("", "$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
            (
                "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                "$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
            ),
        ])
    func published(password: String, hash: String) async throws {
        for name in ["$2a", "$2b", "$2y"] {
            #expect(try await hasher.verify(password, against: name + hash) == .right(needsRenewal: true), "\(name)")
            #expect(try await hasher.verify(password + "x", against: name + hash) == .wrong, "\(name)")
        }
    }

    @Test("a password of more than 72 octets is never the right one, although bcrypt would cut it")
    func long() async throws {
        let hash = "$2b$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
        let password = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        #expect(password.utf8.count == 72)
        #expect(try await hasher.verify(password, against: hash) != .wrong)
        #expect(try await hasher.verify(password + "chars after 72 are ignored", against: hash) == .wrong)
    }

    @Test("letters beyond ASCII count as their octets of UTF-8, as in the originals, also under the name $2a$")
    func unicode() async throws {
        // Made by libxcrypt from the octets of UTF-8, as the bcrypt of Python 3 does.
        let hash = "$2b$04$Uo7EjJyD2kvd1ePRQ0JNlegehA55SL1cbfjfRd7kPOjEFuWs1.EjW"
        for name in ["$2a", "$2b", "$2y"] {
            #expect(try await hasher.verify("Zürich \u{1F600} ÿÿ", against: name + hash.dropFirst(3)) != .wrong)
        }
    }

    @Test("bits of the salt that count for nothing make no difference")
    func salt() async throws {
        // The last letter of the salt has four of them: "." and "/" begin with the same two.
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC/E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
        #expect(try await hasher.verify("U*U", against: hash) != .wrong)
    }

    @Test(
        "what is no hash of bcrypt, or one of too little or too much work, is an error and not a wrong password",
        arguments: [
            "$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW0",
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyO+W", "$2b$05$", "$2b$", "$2",
        ])
    func malformed(hash: String) async {
        await #expect(throws: PasswordHashingError.self) { try await hasher.verify("U*U", against: hash) }
    }

    @Test("who has a hash of bcrypt does not show by how long a wrong password takes")
    func timedWrongPassword() async throws {
        let hasher = PasswordHasher(parameters: .init(memoryKiB: 4096, passes: 1, lanes: 1), concurrency: 1)
        let argon2 = try await hasher.hash("secret one")
        let cheap = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
        let dear = "$2b$08$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
        // The quickest of each: what else the machine does makes none quicker, so it is tried until it does little. Without the
        // work that is added, the first is a sixth of the third and the second a third, however often.
        var quickest = [Duration](repeating: .seconds(3600), count: 4)
        let begun = ContinuousClock.now
        for turn in 1... {
            for (index, hash) in [argon2, cheap, dear, nil].enumerated() {
                let begin = ContinuousClock.now
                if let hash {
                    #expect(
                        try await hasher.verify("wrong", against: hash, beside: OtherHashes(bcryptCost: 8)) == .wrong)
                } else {
                    try await hasher.verifyAgainstNobody("wrong", beside: OtherHashes(bcryptCost: 8))
                }
                quickest[index] = min(quickest[index], begin.duration(to: .now))
            }
            let isAlike = quickest.allSatisfy { (0.65...1.5).contains($0 / quickest[2]) }
            if turn >= 15, isAlike { return }
            guard begun.duration(to: .now) < .seconds(60) else { break }
        }
        Issue.record("they differ: \(quickest)")
    }
}

@Suite("Hashes of Argon2 that other programs made")
struct OtherArgon2Tests {
    private static func hash(_ kind: String) -> String {
        kind + String(repeating: "A", count: 22) + "$" + String(repeating: "B", count: 42) + "A"
    }

    @Test("are of the kind that stands before their salt, and work as much as memory times passes")
    func kinds() throws {
        for kind in ["$argon2i$v=19$m=512,t=2,p=2$", "$argon2id$m=65536,t=3,p=4$", "$argon2id$v=16$t=3,m=64,p=4$"] {
            #expect(try OtherHashes.kind(of: Self.hash(kind)) == kind)
        }
        #expect(OtherHashes.work(ofKind: "$argon2i$v=19$m=512,t=2,p=2$") == 1024)
        #expect(OtherHashes.work(ofKind: "$argon2i$m=512,t=1000,p=2$") == 512_000)
        for (kind, error) in [
            ("$argon2id$v=19$m=2097152,t=1,p=1$", PasswordHashingError.unsupportedHash),
            ("$argon2id$v=19$m=1048576,t=5,p=1$", .unsupportedHash), ("$argon2id$v=20$m=64,t=1,p=1$", .malformedHash),
            ("$scrypt$ln=16,r=8,p=1$", .unsupportedHash),
        ] {
            #expect(throws: error) { try OtherHashes.kind(of: Self.hash(kind)) }
            #expect(OtherHashes.work(ofKind: kind) == nil)
        }
    }

    @Test("who has a hash of Argon2 from elsewhere does not show by how long a wrong password takes")
    func timedWrongPassword() async throws {
        let hasher = PasswordHasher(parameters: .init(memoryKiB: 4096, passes: 1, lanes: 1), concurrency: 1)
        let kinds = ["$argon2i$v=19$m=512,t=2,p=2$", "$argon2id$v=19$m=32768,t=2,p=1$"]
        let others = OtherHashes(bcryptCost: 6, argon2Kinds: kinds)
        let hashes: [String?] =
            [try await hasher.hash("secret one"), nil] + kinds.map(Self.hash)
            + ["$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"]
        // As with bcrypt above. Without the work that is added, the dear one alone takes several times as long as the others.
        var quickest = [Duration](repeating: .seconds(3600), count: hashes.count)
        let begun = ContinuousClock.now
        for turn in 1... {
            for (index, hash) in hashes.enumerated() {
                let begin = ContinuousClock.now
                if let hash {
                    #expect(try await hasher.verify("wrong", against: hash, beside: others) == .wrong)
                } else {
                    try await hasher.verifyAgainstNobody("wrong", beside: others)
                }
                quickest[index] = min(quickest[index], begin.duration(to: .now))
            }
            let isAlike = quickest.allSatisfy { (0.65...1.5).contains($0 / quickest[3]) }
            if turn >= 15, isAlike { return }
            guard begun.duration(to: .now) < .seconds(60) else { break }
        }
        Issue.record("they differ: \(quickest)")
    }
}
