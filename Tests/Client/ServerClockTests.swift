import Testing

@testable import GatehouseClient

@Suite("The server's clock")
struct ServerClockTests {
    @Test("a difference is learnt from Date, a small one is not believed, and a stored answer teaches nothing")
    func learns() {
        let clock = ServerClock()
        func answer(_ date: String, age: String? = nil) -> TransportResponse {
            TransportResponse(status: 200, headers: [("date", date)] + (age.map { [("Age", $0)] } ?? []))
        }
        clock.learn(from: answer("Sun, 06 Nov 1994 08:49:37 GMT"), now: 784_111_777 + 3600)
        #expect(clock.now(1_000_000) == 1_000_000 - 3600)
        clock.learn(from: answer("never"), now: 0)
        clock.learn(from: answer("Thu, 01 Jan 1970 00:00:00 GMT", age: "5"), now: 500)
        #expect(clock.now(1_000_000) == 1_000_000 - 3600)
        clock.learn(from: answer("Sun, 06 Nov 1994 08:49:37 GMT"), now: 784_111_778.5)
        #expect(clock.now(1_000_000) == 1_000_000)
    }

    @Test("what others learnt counts until the server itself has said something")
    func begins() {
        let clock = ServerClock()
        clock.begin(with: 600)
        #expect(clock.now(1000) == 1600)
        clock.begin(with: -600)
        #expect(clock.now(1000) == 400)
        clock.learn(1300, now: 1000)
        clock.begin(with: -600)
        #expect(clock.now(1000) == 1300)
    }
}
