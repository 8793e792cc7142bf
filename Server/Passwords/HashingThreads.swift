import Glibc
import Synchronization

/// A fixed number of threads of low priority with a bounded queue in front.
final class HashingThreads: Sendable {
    private typealias Job = @Sendable () -> Void

    private struct Waiting {
        let id: UInt64
        let since: ContinuousClock.Instant
        let job: Job
        let giveUp: @Sendable (PasswordHashingError) -> Void
    }

    private struct State {
        var waiting: [Waiting] = []
        var nextID: UInt64 = 0
        var isStopped = false
    }

    private let state = Condition(State())
    private let maximumWaiting: Int
    private let maximumWait: Duration

    init(count: Int?, maximumWaiting: Int, maximumWait: Duration) {
        self.maximumWaiting = maximumWaiting
        self.maximumWait = maximumWait
        for _ in 0..<(count ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) {
            Self.start { [state, maximumWait] in Self.work(on: state, maximumWait) }
        }
    }

    deinit {
        state.withLock { $0.isStopped = true }
        state.wakeAll()
    }

    /// Runs the body on one of the threads.
    func run<T: Sendable>(
        _ body: @escaping @Sendable () throws(PasswordHashingError) -> T
    ) async throws(PasswordHashingError) -> T {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<T, PasswordHashingError>, Never>) in
                let entry = Waiting(
                    id: id, since: .now,
                    job: {
                        continuation.resume(returning: Result { () throws(PasswordHashingError) in try body() })
                    },
                    giveUp: { continuation.resume(returning: .failure($0)) })
                let refusal: PasswordHashingError? = state.withLock { state in
                    if Task.isCancelled { return .cancelled }
                    if state.waiting.count >= maximumWaiting { return .overloaded }
                    state.waiting.append(entry)
                    return nil
                }
                if let refusal { entry.giveUp(refusal) } else { state.wakeOne() }
            }
        } onCancel: {
            let dropped = state.withLock { state in
                state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0) }
            }
            dropped?.giveUp(.cancelled)
        }
        return try result.get()
    }

    private static func work(on state: Condition<State>, _ maximumWait: Duration) {
        while true {
            let next = state.waitUntil { state -> Waiting?? in
                if !state.waiting.isEmpty { return .some(state.waiting.removeFirst()) }
                return state.isStopped ? .some(nil) : .none
            }
            guard let entry = next else { return }
            // Whoever waited for long has probably gone; a prompt refusal helps more than a late hash.
            if ContinuousClock.now - entry.since > maximumWait { entry.giveUp(.overloaded) } else { entry.job() }
        }
    }

    /// Linux counts niceness for each thread (sched(7)); event loops keep theirs and so go first.
    private static func start(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                let box = unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
                _ = nice(5)
                box.body()
                return nil
            }, argument)
        precondition(code == 0, "no thread for hashing passwords can be made")
        pthread_detach(thread)
    }
}

/// A value behind a POSIX mutex with a condition to wait on.
///
/// Sendable because `value` is touched only while the mutex is held.
@safe private final class Condition<Value>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    init(_ value: Value) {
        self.value = value
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    func withLock<T>(_ body: (inout Value) -> T) -> T {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Sleeps until the body gives something.
    func waitUntil<T>(_ body: (inout Value) -> T?) -> T {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            unsafe pthread_cond_wait(condition, mutex)
        }
    }

    func wakeOne() { unsafe pthread_cond_signal(condition) }
    func wakeAll() { unsafe pthread_cond_broadcast(condition) }
}
