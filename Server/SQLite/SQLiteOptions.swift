/// How a file is used. The defaults are right for a server.
package struct SQLiteOptions: Sendable {
    /// Connections that read, opened when needed. A read holds one for microseconds and never while it waits, so more
    /// than the machine has threads would be idle.
    package var readers = 4
    /// How many transactions share one commit at most, so that the first of them does not wait for long.
    package var maximumGroup = 128
    /// How many transactions may wait; the next one is refused as `overloaded`.
    package var maximumWaiting = 4096
    /// How long the writer waits for another process that writes.
    package var busyTimeoutMilliseconds = 5000
    /// Readers wait only for someone who repairs the log, and they wait on the caller's thread.
    package var readerBusyTimeoutMilliseconds = 250
    /// Prepared statements kept by each connection.
    package var cachedStatements = 256
    /// The log is moved into the file when it has this many pages of 4 KiB.
    package var checkpointPages = 1000
    /// Memory for pages of the file, for each connection, in KiB.
    package var cacheKiB = 8192
    /// The least for each reader. The upper pages of what is looked up in a large store have to stay while the others pass through. A
    /// store of another size fills no more than it has.
    package var leastReaderCacheKiB = 64 << 10
    /// Off for work that needs more than fits: sorting then uses files.
    package var sortsInMemory = true
    /// Largest size of the store in pages of 4 KiB; beyond it writes fail as on a full disk.
    package var maximumPages: Int?
    /// Off only for stores that nobody expects back after a power cut: commits do not wait for the disk.
    package var isDurable = true

    package init() {}
}
