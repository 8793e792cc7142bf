/// Which subjects to list, and in which order.
public struct SubjectQuery: Sendable, Equatable {
    /// Nil for the order in which they were created. Who lacks the value comes first.
    public var order: SubjectOrder?
    /// The other way round.
    public var descending: Bool
    /// Literal text, upper and lower case alike: from 3 characters anywhere in name, sssid or birthday, shorter at their
    /// beginning. Nil for all.
    public var search: String?
    /// Nil for all.
    public var status: SubjectStatus?

    /// Everything, unless something is said.
    public init(
        order: SubjectOrder? = nil, descending: Bool = false, search: String? = nil, status: SubjectStatus? = nil
    ) {
        self.order = order
        self.descending = descending
        self.search = search
        self.status = status
    }

    /// - Parameter count: 1 to 500.
    func target(offset: Int, count: Int) -> String {
        var parts = ["offset=\(offset)", "perpage=\(count)"]
        if let order { parts.append("ordercol=\(order.rawValue)") }
        if order != nil || descending { parts.append("orderdir=\(descending ? "DESC" : "ASC")") }
        if let search { parts.append("search=\(Percent.encode(search))") }
        if let status { parts.append("status=\(status.rawValue)") }
        return "/subject?" + parts.joined(separator: "&")
    }
}

/// What subjects can be ordered by.
public enum SubjectOrder: String, Sendable, CaseIterable {
    case sssid, name
    case birthday = "bday"
    case created, changed
    case invited = "date_invited"
    case consented = "date_consented"
    case enrolled = "date_enrolled"
    case withdrawn = "date_withdrawn"
}

/// How far a subject has come.
public enum SubjectStatus: Int, Sendable, CaseIterable {
    case pending = 0
    case invitedOrConsented = 1
    case enrolled = 2
    case withdrawn = 3
}

extension SubjectQuery: CustomStringConvertible, CustomReflectable {
    /// Nothing of what is searched for.
    public var description: String { "SubjectQuery" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Subjects that are fetched a page at a time, while they are read.
///
/// Pages are counted from the begin of the list: when subjects are added or change places meanwhile, one may be missed or come
/// twice. In the order of creation, upwards, that cannot happen.
public struct SubjectSequence: AsyncSequence, Sendable {
    /// One of them.
    public typealias Element = Subject
    /// Why a page could not be fetched.
    public typealias Failure = GatehouseError

    let subjects: Subjects
    let query: SubjectQuery
    let pageSize: Int

    /// Begins at the first.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(sequence: self) }

    /// One reading of the list.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let sequence: SubjectSequence
        private var page: ArraySlice<Subject> = []
        private var offset = 0
        private var isAtEnd = false

        init(sequence: SubjectSequence) { self.sequence = sequence }

        /// The next subject, from the next page when this one is used up; nil at the end.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(GatehouseError) -> Subject? {
            if page.isEmpty, !isAtEnd {
                let all = try await sequence.subjects.list(
                    sequence.query, offset: offset, count: sequence.pageSize)
                page = all[...]
                offset += all.count
                // A page that is not full is the last.
                isAtEnd = all.count < sequence.pageSize
            }
            return page.popFirst()
        }
    }
}

extension SubjectSequence: CustomStringConvertible, CustomReflectable {
    /// Nothing of what is searched for.
    public var description: String { "SubjectSequence" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
