import Testing

@testable import GatehouseAuth

@Suite("What was accepted, remembered in memory")
struct ReplayCheckTests {
    private let time = TestTime()

    private func check(_ maximumCount: Int) -> ReplayCheck {
        .inMemory(maximumCount: maximumCount, nowSeconds: { time.unixSeconds })
    }

    @Test("an identity is new once, through the last second of its time")
    func once() async throws {
        let check = check(10)
        let end = TestTime.start + 5
        #expect(try await check.isNew([1], end))
        #expect(try await check.isNew([2], end))
        time.advance(.seconds(5))
        #expect(try await !check.isNew([1], end))
        time.advance(.seconds(1))
        #expect(try await !check.isNew([1], end), "over")
        #expect(try await !check.isNew([3], end), "over before it was asked for")
        #expect(try await check.isNew([1], end + 1), "the same again, with a time of its own")
    }

    @Test("none is forgotten before its time to make room, and there is room again after it")
    func bounded() async throws {
        let check = check(2)
        #expect(try await check.isNew([1], TestTime.start + 5))
        #expect(try await check.isNew([2], TestTime.start + 9))
        await #expect(throws: (any Error).self) { try await check.isNew([3], TestTime.start + 9) }
        #expect(try await !check.isNew([1], TestTime.start + 5))
        time.advance(.seconds(5))
        await #expect(throws: (any Error).self) { try await check.isNew([3], TestTime.start + 9) }
        time.advance(.seconds(1))
        #expect(try await check.isNew([3], TestTime.start + 9))
        #expect(try await !check.isNew([2], TestTime.start + 9))
        await #expect(throws: (any Error).self) { try await check.isNew([4], TestTime.start + 9) }
    }
}
