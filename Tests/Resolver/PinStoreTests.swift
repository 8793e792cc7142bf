import Foundation
import GatehouseResolver
import GatehouseTestSupport
import Testing

@Suite("The file of pinned hosts")
struct PinStoreTests {
    @Test("keeps hosts for its owner alone, from one store to the next")
    func keeps() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("hosts.json")
        #expect(try FilePinStore(path: path).hosts(of: "a.test") == nil)
        #expect(try await FilePinStore(path: path).pin(["cap.a.test", "b.test"], to: "a.test", insteadOf: nil))
        #expect(try await FilePinStore(path: path).pin(["c.test"], to: "c.test", insteadOf: nil))
        #expect(try FilePinStore(path: path).hosts(of: "a.test") == ["b.test", "cap.a.test"])
        #expect(try folder.text("hosts.json") == #"{"a.test":["b.test","cap.a.test"],"c.test":["c.test"]}"#)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try folder.names() == ["hosts.json", "hosts.json.lock"])
    }

    @Test("of many who pin at the same moment one is right, and who knows something else changes nothing")
    func race() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("hosts.json")
        let right = try await withThrowingTaskGroup { group in
            for number in 0..<16 {
                group.addTask {
                    try await FilePinStore(path: path).pin(["h\(number).test"], to: "a.test", insteadOf: nil)
                }
                group.addTask {
                    _ = try await FilePinStore(path: path).pin(["x.test"], to: "n\(number).test", insteadOf: nil)
                    return false
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(right == 1)
        let store = FilePinStore(path: path)
        #expect(try (0..<16).allSatisfy { number in try store.hosts(of: "n\(number).test") == ["x.test"] })
        let kept = try store.hosts(of: "a.test")
        #expect(try await !store.pin(["y.test"], to: "a.test", insteadOf: ["z.test"]))
        #expect(try store.hosts(of: "a.test") == kept)
        #expect(try await store.pin(["y.test"], to: "a.test", insteadOf: kept))
    }

    @Test("is refused when others may have written it, when it is damaged, and where it cannot be")
    func refused() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("hosts.json")
        for text in ["{", "[]", #"{"a.test":"cap.a.test"}"#, #"{"a.test":[7]}"#, "x"] {
            try folder.write(text, to: "hosts.json")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            #expect(throws: PinStoreError.self, "\(text)") { _ = try FilePinStore(path: path).hosts(of: "a.test") }
            await #expect(throws: PinStoreError.self) { () async throws in
                _ = try await FilePinStore(path: path).pin(["a"], to: "a.test", insteadOf: nil)
            }
            #expect(try folder.text("hosts.json") == text)
        }
        try folder.write("{}", to: "hosts.json")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let exposed = #expect(throws: PinStoreError.self) { _ = try FilePinStore(path: path).hosts(of: "a.test") }
        #expect(exposed?.description.contains("chmod 600") == true)
        await #expect(throws: PinStoreError.self) { () async throws in
            _ = try await FilePinStore(path: folder.path("nowhere/hosts.json")).pin(["a"], to: "a.test", insteadOf: nil)
        }
    }
}
