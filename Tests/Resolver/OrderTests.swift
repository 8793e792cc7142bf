import Testing

@testable import GatehouseResolver

@Suite("The order of targets (RFC 2782)")
struct OrderTests {
    private static func target(_ priority: UInt16, _ weight: UInt16, _ host: String) -> Target {
        Target(priority: priority, weight: weight, host: host, port: 443)
    }

    @Test("is that of their priorities")
    func priorities() {
        let targets = [Self.target(20, 9, "c"), Self.target(0, 0, "a"), Self.target(10, 1, "b")]
        #expect(Target.inOrder(targets) { Int.random(in: $0) }.map(\.host) == ["a", "b", "c"])
    }

    @Test("is by chance among those of one priority, as often as their weights say, and none is left out")
    func weights() {
        let targets = [Self.target(1, 10, "ten"), Self.target(1, 30, "thirty"), Self.target(1, 0, "none")]
        var first: [String: Int] = [:]
        // Every number that can come up.
        for number in 0...40 {
            var isFirst = true
            let ordered = Target.inOrder(targets) { range in
                defer { isFirst = false }
                #expect(range == 0...40 || !isFirst)
                return isFirst ? number : range.upperBound
            }
            #expect(Set(ordered.map(\.host)).count == 3)
            first[ordered[0].host, default: 0] += 1
        }
        #expect(first == ["none": 1, "ten": 10, "thirty": 30])
    }
}
