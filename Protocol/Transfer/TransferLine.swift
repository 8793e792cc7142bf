/// A transfer that has no place yet.
struct WaitingTransfer {
    let transfer: Transfer
    let continuation: TransferContinuation
    /// The end of the time for the whole transfer.
    let deadline: ContinuousClock.Instant
}

/// Transfers that wait for a place; the first one leaves first.
///
/// libcurl has a line of its own, but version 7.88 at times forgets to call the next one, and watches no clock there.
struct TransferLine {
    private var arrived: [WaitingTransfer] = []
    /// The front of the line, backwards, so that leaving costs the same however long the line is.
    private var front: [WaitingTransfer] = []

    mutating func append(_ waiting: WaitingTransfer) { arrived.append(waiting) }

    mutating func popFirst() -> WaitingTransfer? {
        if front.isEmpty {
            front = arrived.reversed()
            arrived = []
        }
        return front.popLast()
    }

    /// - Returns: those that left, in no particular order.
    mutating func remove(where hasToLeave: (WaitingTransfer) -> Bool) -> [WaitingTransfer] {
        let leaving = front.filter(hasToLeave) + arrived.filter(hasToLeave)
        guard !leaving.isEmpty else { return [] }
        front.removeAll(where: hasToLeave)
        arrived.removeAll(where: hasToLeave)
        return leaving
    }

    var firstDeadline: ContinuousClock.Instant? { (front + arrived).lazy.map(\.deadline).min() }
}
