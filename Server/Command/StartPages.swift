import Foundation
import Glibc

/// Gives the pages of program and libraries that only the start needed back to the kernel.
///
/// Loading and linking touch most of the program once, and a server that then waits would be counted with all of it.
/// Code is never written, so a page that is needed after all is mapped again from the file cache.
func releaseStartPages() {
    guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return }
    for line in maps.split(separator: "\n") {
        // `564dbc9a1000-564dbec55000 r-xp 00000000 fe:00 16278915    /usr/bin/gatehouse`
        let fields = line.split(separator: " ", maxSplits: 5)
        guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }).hasPrefix("/") else {
            continue
        }
        let bounds = fields[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
        guard bounds.count == 2, let start = unsafe UnsafeMutableRawPointer(bitPattern: bounds[0]) else { continue }
        _ = unsafe madvise(start, Int(bounds[1] - bounds[0]), MADV_DONTNEED)
    }
}
