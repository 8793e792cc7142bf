import Dispatch
import Foundation
import Synchronization

/// Runs work that SIGINT, SIGTERM and SIGHUP stop: the first signal cancels it and lets it clean up, the second ends the
/// program at once.
///
/// - Returns: what the work returned, and whether a signal came.
func untilStopped<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> (Value, wasStopped: Bool) {
    let numbers = [SIGINT, SIGTERM, SIGHUP]
    let (registrations, registered) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
        // A signal that came before would end the program in the middle of the work.
        for await _ in registrations.prefix(numbers.count) {}
        return await work()
    }
    let count = SignalCount()
    let queue = DispatchQueue(label: "signals")
    let sources = numbers.map { number in
        // The source sees the signal only when the default action is off.
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
        source.setEventHandler {
            guard count.add() == 1 else { exit(130) }
            Output.writeError("\nStopping; running scenarios clean up. A second signal ends at once.\n")
            task.cancel()
        }
        source.setRegistrationHandler { registered.yield() }
        source.resume()
        return source
    }
    let value = await task.value
    for source in sources { source.cancel() }
    return (value, count.value > 0)
}

private final class SignalCount: Sendable {
    private let count = Atomic(0)

    func add() -> Int { count.add(1, ordering: .relaxed).newValue }

    var value: Int { count.load(ordering: .relaxed) }
}
