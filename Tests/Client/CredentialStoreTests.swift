import Foundation
import GatehouseTestSupport
import Testing

@testable import GatehouseClient

@Suite("A credential store", .timeLimit(.minutes(1)))
struct CredentialStoreTests {
    private static let credential = StoredCredential(
        server: "https://id.example.org", name: "alice$example.org", generation: 7,
        door: .ampho(prefix: "/x", audience: "b"),
        token: AccessToken(text: "hunter2-access", startsAt: 1_800_000_000, expiresAt: 1_800_000_900),
        refreshToken: "hunter2-refresh", idempotencyKey: "hunter2-key", clockOffset: -600)

    private static let stores: [@Sendable (Folder) -> any CredentialStore] = [
        { _ in MemoryCredentialStore() }, { FileCredentialStore(path: $0.path("credential")) },
    ]

    @Test("keeps what it is given, and takes a change only from whoever knows what is kept", arguments: 0..<2)
    func contract(number: Int) async throws {
        let folder = try Folder([:])
        let store = Self.stores[number](folder)
        #expect(try await store.load() == nil)
        try await store.replace(nil, with: Self.credential)
        #expect(try await store.load() == Self.credential)
        var next = Self.credential
        next.generation += 1
        await #expect(throws: CredentialStoreError.changedMeanwhile) { try await store.replace(nil, with: next) }
        await #expect(throws: CredentialStoreError.changedMeanwhile) { try await store.replace(next, with: nil) }
        try await store.replace(Self.credential, with: next)
        #expect(try await store.load() == next)
        try await store.replace(next, with: nil)
        #expect(try await store.load() == nil)
        try await store.replace(nil, with: nil)
    }

    @Test("a file is its owner's alone from its first moment on, and nothing but the lock is left beside it")
    func mode() async throws {
        let folder = try Folder(["credential.new": "left by somebody who died"])
        let store = FileCredentialStore(path: folder.path("credential"))
        try await store.exclusively { () throws(GatehouseError) in
            do throws(CredentialStoreError) { try store.replace(nil, with: Self.credential) } catch {
                throw .credentialStore(error)
            }
        }
        for name in ["credential", "credential.lock"] {
            let mode = try FileManager.default.attributesOfItem(atPath: folder.path(name))[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(name)")
        }
        #expect(try folder.names() == ["credential", "credential.lock"])
    }

    @Test("a file that others may read is refused", arguments: [0o640, 0o604, 0o620, 0o601, 0o644, 0o666])
    func exposed(mode: Int) throws {
        let folder = try Folder([:])
        let store = FileCredentialStore(path: folder.path("credential"))
        try store.replace(nil, with: Self.credential)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: store.path)
        let path = store.path
        #expect(throws: CredentialStoreError.exposed("Others may read \(path). Mend it with: chmod 600 '\(path)'")) {
            try store.load()
        }
    }

    @Test("what is no file is refused, without waiting for anything")
    func noFile() throws {
        let folder = try Folder(["target": ""])
        let store = FileCredentialStore(path: folder.path("credential"))
        try FileManager.default.createSymbolicLink(atPath: store.path, withDestinationPath: folder.path("target"))
        #expect(throws: CredentialStoreError.failed("\(store.path) is a symbolic link: name the file itself.")) {
            try store.load()
        }
        let aFolder = FileCredentialStore(path: folder.path("folder"))
        try FileManager.default.createDirectory(atPath: aFolder.path, withIntermediateDirectories: false)
        #expect(throws: CredentialStoreError.failed("\(aFolder.path) is no file.")) { try aFolder.load() }
        let pipe = FileCredentialStore(path: folder.path("pipe"))
        #expect(unsafe mkfifo(pipe.path, 0o600) == 0)
        #expect(throws: CredentialStoreError.failed("\(pipe.path) is no file.")) { try pipe.load() }
        let nowhere = FileCredentialStore(path: folder.path("nowhere/credential"))
        #expect(try nowhere.load() == nil)
        #expect(throws: CredentialStoreError.failed("The folder of \(nowhere.path) does not exist.")) {
            try nowhere.replace(nil, with: Self.credential)
        }
    }

    @Test(
        "a damaged file is a typed error, and is replaced by signing in",
        arguments: [
            "{", "null", "[]", "not json", "\0", "{\"gatehouse_credential\":2}", "{\"gatehouse_credential\":1}",
            String(repeating: " ", count: 70_000),
        ])
    func corrupted(text: String) async throws {
        let folder = try Folder(["credential": text])
        let store = FileCredentialStore(path: folder.path("credential"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: store.path)
        let server = AmphoServer { TestClock.start }
        let gatehouse = try Gatehouse(
            server: "https://id.example.org", credential: alice, signingInAt: .ampho(), store: store,
            transport: server.transport(), clock: TestClock().wall)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.deleteAddress(type: .nano) }
        guard case .credentialStore(.corrupted(let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.hasPrefix(store.path) && !reason.contains("not json"))
        try await gatehouse.signIn(name: "alice$example.org", password: AmphoServer.password)
        try await gatehouse.deleteAddress(type: .nano)
        #expect(server.count("login 200") == 1)
    }

    @Test("a file that is cut off anywhere, or whose numbers are absurd, is damaged and no crash")
    func everyPrefix() throws {
        let bytes = Self.credential.bytes
        #expect(try StoredCredential(bytes: bytes) == Self.credential)
        let read = (0..<bytes.count).filter { (try? StoredCredential(bytes: Array(bytes.prefix($0)))) != nil }
        #expect(read == [])
        let text = String(decoding: bytes, as: UTF8.self)
        for member in ["\"generation\":7", "\"clock_offset\":-600", "\"starts\":1800000000", "\"expires\":1800000900"] {
            let name = member.prefix { $0 != ":" }
            for number in ["-9223372036854775808", "9223372036854775807", "1e400", "0.5", "\"1\"", "null"] {
                let absurd = text.replacing(member, with: "\(name):\(number)")
                #expect(absurd != text)
                #expect(throws: CredentialStoreError.self) { try StoredCredential(bytes: Array(absurd.utf8)) }
            }
        }
    }

    @Test("an empty file, as mktemp makes it, is a store in which nothing is kept")
    func empty() throws {
        let folder = try Folder(["credential": ""])
        let store = FileCredentialStore(path: folder.path("credential"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: store.path)
        #expect(try store.load() == nil)
        try store.replace(nil, with: Self.credential)
        #expect(try store.load() == Self.credential)
    }

    @Test("whoever holds the lock for too long is not waited for any longer; whoever is cancelled stops waiting")
    func busy() async throws {
        let folder = try Folder([:])
        let path = folder.path("credential")
        let (held, go) = (Gate(), Gate())
        let holder = Task {
            try await FileCredentialStore(path: path).exclusively { () throws(GatehouseError) in
                held.open()
                await go.wait()
            }
        }
        await held.wait()
        let impatient = FileCredentialStore(path: path, patience: .milliseconds(50))
        let error = await failure { () throws(GatehouseError) in
            try await impatient.exclusively { () throws(GatehouseError) in }
        }
        guard case .credentialStore(.busy) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let patient = Task {
            await failure { () throws(GatehouseError) in
                try await FileCredentialStore(path: path).exclusively { () throws(GatehouseError) in }
            }
        }
        patient.cancel()
        #expect(await patient.value == .cancelled)
        go.open()
        try await holder.value
        try await impatient.exclusively { () throws(GatehouseError) in }
    }

    @Test("what is printed or dumped of a kept credential holds no token")
    func noSecrets() async throws {
        let store = MemoryCredentialStore()
        try store.replace(nil, with: Self.credential)
        for thing in [Self.credential, store, Optional(Self.credential) as Any] as [Any] {
            var dumped = ""
            dump(thing, to: &dumped)
            for text in ["\(thing)", String(reflecting: thing), dumped] { #expect(!text.contains("hunter2")) }
        }
    }
}
