import CGatehouseArgon2
import CGatehouseSodium
import Foundation
import Glibc
import Synchronization

/// Time of libargon2 as it is, divided by that of the other ways to the same hash; see `Docs/Decisions/0003-password-hashing.md`.
///
/// - Parameter seconds: for all hashes together.
func passwordBenchmarks(seconds: Double) -> [Row] {
    precondition(sodium_init() >= 0, "libsodium cannot start")
    var times: [[Double]] = [[], [], []]
    let end = Date.now.addingTimeInterval(seconds)
    // In turns, so that whatever else the machine does meets all of them alike.
    while Date.now < end || times[0].count < 3 {
        times[0].append(time { reference(keepsMemory: false) })
        times[1].append(time { reference(keepsMemory: true) })
        times[2].append(time(sodium))
    }
    let medians = times.map(\.median)
    let perSecond = medians.map { rate(1 / $0) }
    return [
        Row(
            name: "password hash: libargon2 with kept memory / libargon2", value: medians[0] / medians[1],
            note: "\(perSecond[1]) against \(perSecond[0]) on one thread, 19 MiB, 2 passes"),
        Row(
            name: "password hash: libsodium / libargon2", value: medians[0] / medians[2],
            note: "\(perSecond[2]) against \(perSecond[0]); libsodium makes new hashes"),
    ]
}

/// Hashes a second by libsodium on that many threads, with nothing around them.
func bareHashes(threads: Int, seconds: Double, niceness: Int32 = 0) async -> Double {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread {
            let counts = Mutex(0)
            let finished = DispatchGroup()
            let start = ContinuousClock.now
            for _ in 0..<threads {
                finished.enter()
                Thread.detachNewThread {
                    _ = nice(niceness)
                    var count = 0
                    while ContinuousClock.now - start < .seconds(seconds) {
                        sodium()
                        count += 1
                    }
                    counts.withLock { $0 += count }
                    finished.leave()
                }
            }
            finished.wait()
            let elapsed = (ContinuousClock.now - start) / .seconds(1)
            continuation.resume(returning: Double(counts.withLock { $0 }) / elapsed)
        }
    }
}

private func time(_ body: () -> Void) -> Double {
    let start = ContinuousClock.now
    body()
    return (ContinuousClock.now - start) / .seconds(1)
}

private let password = Array("correct horse battery".utf8)
private let salt = [UInt8](repeating: 7, count: 16)

private func sodium() {
    var tag = [UInt8](repeating: 0, count: 32)
    let code = unsafe password.withUnsafeBytes { octets in
        unsafe crypto_pwhash(
            &tag, 32, octets.baseAddress!.assumingMemoryBound(to: CChar.self), UInt64(octets.count), salt, 2,
            19 * 1024 * 1024, crypto_pwhash_ALG_ARGON2ID13)
    }
    precondition(code == 0)
}

/// 19 MiB that stay, for the way of libargon2 that asks us for its memory. The benchmark has one thread.
nonisolated(unsafe) private let keptMemory = UnsafeMutablePointer<UInt8>.allocate(capacity: 32 << 20)

private func reference(keepsMemory: Bool) {
    var tag = [UInt8](repeating: 0, count: 32)
    var secret = password
    var salt = salt
    let code = unsafe tag.withUnsafeMutableBufferPointer { tag in
        unsafe secret.withUnsafeMutableBufferPointer { secret in
            unsafe salt.withUnsafeMutableBufferPointer { salt in
                var context = unsafe argon2_context()
                unsafe context.out = tag.baseAddress
                unsafe context.outlen = 32
                unsafe context.pwd = secret.baseAddress
                unsafe context.pwdlen = UInt32(secret.count)
                unsafe context.salt = salt.baseAddress
                unsafe context.saltlen = 16
                unsafe context.t_cost = 2
                unsafe context.m_cost = 19 * 1024
                unsafe context.lanes = 1
                unsafe context.threads = 1
                unsafe context.version = UInt32(ARGON2_VERSION_13.rawValue)
                if keepsMemory {
                    unsafe context.allocate_cbk = { memory, _ in
                        unsafe memory?.pointee = keptMemory
                        return 0
                    }
                    unsafe context.free_cbk = { memory, size in unsafe memset(memory!, 0, size) }
                }
                return unsafe argon2id_ctx(&context)
            }
        }
    }
    precondition(code == 0)
}
