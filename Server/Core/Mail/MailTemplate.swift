/// What a mail is about. Each has a subject, a text and a page of HTML in `Templates/`.
package enum MailTemplate: String, CaseIterable, Sendable {
    /// `username`, `link`, `hours`: who asked, where to set the password, and how long that works.
    case passwordReset = "password-reset"
    /// `domain`, `record`, `days`: what is to be put back where, and how long nobody else can take the domain over.
    case domainRecordMissing = "domain-record-missing"
    /// `server`: what the server is called. For `gatehouse mail test`.
    case test

    /// The names that its files may use.
    package var values: Set<String> {
        switch self {
        case .passwordReset: ["username", "link", "hours"]
        case .domainRecordMissing: ["domain", "record", "days"]
        case .test: ["server"]
        }
    }

    /// How long such a mail is of use, in microseconds; nil for as long as the outbox is patient.
    var usefulTime: Int64? {
        switch self {
        case .passwordReset: PasswordReset.keyLifetime
        case .domainRecordMissing, .test: nil
        }
    }

    /// Those without which text and HTML would be no use.
    var necessary: Set<String> {
        switch self {
        case .passwordReset: ["link"]
        case .domainRecordMissing: ["domain", "record"]
        case .test: []
        }
    }
}
