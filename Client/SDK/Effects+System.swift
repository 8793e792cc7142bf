import Foundation

extension Effects {
    static let system = Effects(
        now: { Date.now.timeIntervalSince1970 }, sleep: { try await Task.sleep(for: $0) })
}
