import GatehouseCryptography
import GatehouseJSON
import GatehouseMessages

/// Which part of a list is asked for: `?after=…&limit=…`.
struct PageRequest: Sendable {
    /// A place in a list that is ordered by time, then by identifier. Text to those who hold it.
    struct Place: Sendable {
        /// Microseconds since 1970.
        let time: Int64
        let id: String

        var text: String { "\(time).\(id)" }

        init(time: Int64, id: String) {
            self.time = time
            self.id = id
        }

        /// - Parameter isID: whether the list has such identifiers.
        init?(_ text: String, isID: (String) -> Bool) {
            let parts = text.split(separator: ".", maxSplits: 1)
            guard parts.count == 2, let time = Int64(parts[0]), String(time) == parts[0], isID(String(parts[1])) else {
                return nil
            }
            self.init(time: time, id: String(parts[1]))
        }
    }

    let after: Place
    let limit: Int

    /// - Parameters:
    ///   - query: with `after` and `limit`, when they are given.
    ///   - isID: whether the list has such identifiers.
    /// - Throws: `Problem.invalidQuery`.
    init(_ query: [String: String], isID: (String) -> Bool = Self.isIdentifier) throws(Problem) {
        if let text = query["after"] {
            guard let place = Place(text, isID: isID) else {
                throw .invalidQuery.saying("The query member after must be what next said.")
            }
            after = place
        } else {
            after = Place(time: .min, id: "")
        }
        guard let text = query["limit"] else {
            limit = 50
            return
        }
        guard let number = Int(text), (1...500).contains(number), String(number) == text else {
            throw .invalidQuery.saying("The query member limit must be a whole number from 1 to 500.")
        }
        limit = number
    }

    /// One that the server made.
    static func isIdentifier(_ text: String) -> Bool { Base64URL.decode(text)?.count == SystemRandom.identifierSize }
}

/// A part of a list, and where it goes on.
struct Page<Item: Sendable>: Sendable {
    let items: [Item]
    /// For `after`; nil at the end.
    let next: String?

    /// - Parameter rows: one more than asked for when the list goes on.
    init(_ rows: [Item], _ request: PageRequest, place: (Item) -> PageRequest.Place) {
        items = Array(rows.prefix(request.limit))
        next = rows.count > request.limit ? items.last.map { place($0).text } : nil
    }

    /// `{"items":[…],"next":…}`
    func answer(_ json: (Item) -> JSONValue) -> Answer {
        let page: JSONValue = ["items": .array(items.map(json)), "next": next.map(JSONValue.string) ?? .null]
        return .json(page.bytes())
    }
}
