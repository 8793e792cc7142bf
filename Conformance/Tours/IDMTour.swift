import GatehouseClient
import GatehouseRunner

extension Tour {
    /// A study at the IDM door, as its documents have it: users, subjects, consent, links, audits, a forgotten password, through
    /// the SDK alone.
    package static let idm = Tour(
        name: "idm", title: "The IDM through the SDK", needs: ["admin", "admin_password"],
        start: StudyVisit.init, steps: StudyVisit.steps, cleanUp: [StudyVisit.leave])
}

/// What the steps of the tour share.
private struct StudyVisit: Sendable {
    let admin: Gatehouse
    /// Somebody of the staff.
    let nurse: Gatehouse
    /// Somebody without a sign-in.
    let guest: Gatehouse
    let username: String
    let password: String
    let sssid: String
    let unique: String
    let mailSink: MailSink?
    let transport: LibcurlTransport
    /// Whether the user has been made and not been deleted.
    var exists = false
    var link: Link?
    var token: LinkToken?

    init(_ context: TourContext) throws {
        unique = context.unique
        username = "tour-\(unique)@example.com"
        password = "correct horse \(UniqueText.make())"
        sssid = "TOUR-\(unique)"
        mailSink = context.mailSink
        let transport = LibcurlTransport(caFile: context.caFile)
        self.transport = transport
        func client(_ name: String, _ password: String) throws -> Gatehouse {
            try Gatehouse(
                server: context.target.url, credential: .password(name: name, password: password), signingInAt: .idm,
                transport: transport)
        }
        admin = try client(context.variables["admin"] ?? "", context.variables["admin_password"] ?? "")
        nurse = try client(username, password)
        guest = try Gatehouse(server: context.target.url, signingInAt: .idm, transport: transport)
    }

    static let steps: [TourStep<StudyVisit>] = userSteps + subjectSteps + linkSteps + resetSteps + endSteps

    /// Takes the user away when the tour did not come to its own end. Subjects stay: a study forgets nobody.
    static let leave = TourStep<StudyVisit>("delete the user", source: "DELETE /user") { visit in
        if visit.exists { try await visit.admin.users.delete(visit.username) }
    }

    // MARK: Users

    private static let userSteps: [TourStep<StudyVisit>] = [
        TourStep("an administrator makes a user", source: "POST /user") { visit in
            let user = try await visit.admin.users.create(visit.username.uppercased(), password: visit.password)
            visit.exists = true
            try expect("name", user.name, is: visit.username)
            try expect("is an admin", user.isAdmin, is: false)
            let code = try await refusal { [visit] in
                try await visit.admin.users.create(visit.username, password: visit.password)
            }
            try expect("code", code, is: "name_taken")
        },
        TourStep("a wrong password and an unknown name are refused alike", source: "POST /auth") { visit in
            let wrong = try await wholeRefusal { [visit] in
                _ = try await visit.guest.signIn(name: visit.username, password: "wrong horse battery")
            }
            let unknown = try await wholeRefusal { [visit] in
                _ = try await visit.guest.signIn(name: "nobody-\(visit.username)", password: "wrong horse battery")
            }
            try expect("code", wrong.code, is: "invalid_credentials")
            try expect("the refusal of an unknown name", unknown, is: wrong)
        },
        TourStep("the user signs in, sees themselves, and nobody else", source: "GET /user/{username}") { visit in
            let user = try await visit.nurse.users.user(visit.username)
            try expect("name", user.name, is: visit.username)
            let code = try await refusal { [visit] in _ = try await visit.nurse.users.user("x-\(visit.username)") }
            try expect("code", code, is: "insufficient_role")
            let made = try await refusal { [visit] in
                try await visit.nurse.users.create("x-\(visit.username)", password: visit.password)
            }
            try expect("code", made, is: "insufficient_role")
        },
    ]

    // MARK: Subjects

    private static let subjectSteps: [TourStep<StudyVisit>] = [
        TourStep("a subject is made once, and kept as it was sent", source: "POST /subject") { visit in
            let new = NewSubject(
                sssid: visit.sssid, name: "Anna \(visit.unique) Müller", birthday: .day(1981, 2, 3),
                invited: "2026-01-02T08:00:00+01:00", members: ["phone": "1", "weight": 70.5])
            let made = try await visit.nurse.subjects.create(new)
            let found = try await visit.nurse.subjects.subject(visit.sssid)
            try expect("what is found is what was made", found == made)
            try expect("name, birthday, date and members", found.name == new.name && found.birthday == new.birthday)
            try expect("the date is as it was sent", found.invited == new.invited)
            try expect("the study's own members", found.members == new.members)
            let code = try await refusal { [visit] in try await visit.nurse.subjects.create(new) }
            try expect("code", code, is: "subject_taken")
        },
        TourStep("a change keeps what it does not name", source: "PUT /subject/{sssid}") { visit in
            let nurse = visit.nurse.subjects
            try await nurse.change(visit.sssid, SubjectChange(members: ["phone": .null, "city": "Bern"]))
            let found = try await nurse.subject(visit.sssid)
            try expect("the study's own members", found.members == ["weight": 70.5, "city": "Bern"])
            try expect("the birthday stays", found.birthday == .day(1981, 2, 3))
            let code = try await refusal { [visit] in
                try await nurse.change(visit.sssid, SubjectChange(invited: "2026-01-03"))
            }
            try expect("code", code, is: "step_taken")
        },
        TourStep("a list is read a page at a time, searched and ordered", source: "GET /subject") { visit in
            for (number, name) in ["eve", "Dora", "carla", "Berta"].enumerated() {
                try await visit.nurse.subjects.create(
                    NewSubject(
                        sssid: "\(visit.sssid)-\(number)", name: "\(name) \(visit.unique)", birthday: "1990-01-01"))
            }
            var found: [String] = []
            for try await subject in visit.nurse.subjects.all(
                order: .name, search: visit.unique.uppercased(), pageSize: 2)
            {
                found.append(subject.sssid)
            }
            let expected = [visit.sssid] + [3, 2, 1, 0].map { "\(visit.sssid)-\($0)" }
            try expect("order", found, is: expected)
            let invited = try await visit.nurse.subjects.list(
                SubjectQuery(search: visit.unique, status: .invitedOrConsented))
            try expect("those who were invited", invited.map(\.sssid), is: [visit.sssid])
        },
        TourStep("a stranger sees no subject", source: "GET /subject/{sssid}") { visit in
            try await isSignedOut(visit.guest, of: visit.sssid)
        },
    ]

    // MARK: Links

    private static let linkSteps: [TourStep<StudyVisit>] = [
        TourStep("a link wants consent", source: "POST /subject/{sssid}/links") { visit in
            let code = try await refusal { [visit] in try await visit.nurse.links.create(for: visit.sssid) }
            try expect("code", code, is: "not_consented")
            try expect("links", try await visit.nurse.links.list(of: visit.sssid).count, is: 0)
            try await visit.nurse.subjects.change(visit.sssid, SubjectChange(consented: "2026-02-02"))
            let link = try await visit.nurse.links.create(for: visit.sssid)
            visit.link = link
            try expect("the link is the subject's", link.sssid == visit.sssid)
            try expect("links", try await visit.nurse.links.list(of: visit.sssid).map(\.id), is: [link.id])
        },
        TourStep("its token is the same each time, and says when it ends", source: "GET /link/{jti}/jwt") { visit in
            let id = try visit.requireLink().id
            let token = try await visit.nurse.links.token(id)
            try expect("the same token", try await visit.nurse.links.token(id) == token)
            try expect("the link says when it ends", try await visit.nurse.links.link(id).expiresAt != nil)
            visit.token = token
        },
        TourStep("of sixteen who establish it at once one does", source: "POST /establish") { visit in
            guard let token = visit.token else { return try expect("a token", false) }
            let guest = visit.guest.links
            let codes = try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        do {
                            try await guest.establish(
                                token,
                                as: FHIRPatient(identifier: "patient-\(number)", system: "https://data.example.org/"))
                            return nil
                        } catch GatehouseError.refused(let refusal) {
                            return refusal.code ?? "no code"
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try expect("those who did", codes.count { $0 == nil }, is: 1)
            try expect("those who were refused", codes.count { $0 == "link_established" }, is: 15)
        },
        TourStep("it shows to whom, and enrols the subject", source: "GET /link/{jti}") { visit in
            let link = try await visit.nurse.links.link(try visit.requireLink().id)
            try expect("to a patient", link.linkedTo?.hasPrefix("patient-") == true)
            try expect("of that system", link.linkedSystem == "https://data.example.org/")
            let subject = try await visit.nurse.subjects.subject(visit.sssid)
            try expect("enrolled when it was linked", subject.enrolled == link.linkedOn && link.linkedOn != nil)
            let code = try await refusal { [visit] in _ = try await visit.nurse.links.token(link.id) }
            try expect("code", code, is: "link_gone")
        },
        TourStep("taking it back withdraws the subject", source: "PUT /link/{jti}") { visit in
            let link = try visit.requireLink()
            try await visit.nurse.links.change(link.id, withdrawnOn: "2026-05-01")
            let subject = try await visit.nurse.subjects.subject(visit.sssid)
            try expect("withdrawn", subject.withdrawn == "2026-05-01")
        },
        TourStep("the audits tell all of it, in order", source: "GET /subject/{sssid}/audits") { visit in
            let audits = try await visit.nurse.subjects.audits(of: visit.sssid)
            let expected = [
                "create", "city", "consented", "[Link] create", "[Link] create JWT", "[Link] read JWT",
                "[Link] link to",
                "[Link] withdrawn",
            ]
            try expect("audits", audits.count, is: expected.count)
            for (audit, start) in zip(audits, expected) {
                try expect("\(start) is next", audit.action.hasPrefix(start))
                let isStranger = start == "[Link] link to"
                try expect("actor of \(start)", audit.actor, is: isStranger ? nil : visit.username)
            }
        },
    ]

    // MARK: A forgotten password

    private static let resetSteps: [TourStep<StudyVisit>] = [
        TourStep("a link comes by mail, sets the password once, and ends all sessions", source: "POST /reset") {
            visit in
            guard let mailSink = visit.mailSink else { throw TourSkip("needs --mail-sink HOST:PORT") }
            let guest = visit.guest.passwordReset
            try await guest.request(for: "nobody-\(visit.username)")
            try await guest.request(for: visit.username)
            guard let mail = try await mailSink.take(to: visit.username, within: .seconds(30)),
                let match = mail.text?.firstMatch(of: /\/reset\?k=([A-Za-z0-9_-]+)/)
            else { return try expect("a mail with a link within 30 s", false) }
            let key = String(match.1)
            _ = try await visit.nurse.accessToken()
            let store = MemoryCredentialStore()
            try store.replace(nil, with: try await visit.nurse.storedCredential())
            let before = try Gatehouse(
                server: visit.nurse.server, signingInAt: .idm, store: store, transport: visit.transport)
            _ = try await before.subjects.subject(visit.sssid)
            let new = "another \(visit.password)"
            try expect(
                "code", try await refusal { try await guest.confirm(key: key, new: "short") }, is: "weak_password")
            try await guest.confirm(key: key, new: new)
            try expect(
                "code", try await refusal { try await guest.confirm(key: key, new: new) }, is: "invalid_reset_key")
            try await isSignedOut(before, of: visit.sssid)
            try await visit.nurse.signIn(name: visit.username, password: new)
            let code = try await refusal { [visit] in
                _ = try await visit.guest.signIn(name: visit.username, password: visit.password)
            }
            try expect("code", code, is: "invalid_credentials")
        }
    ]

    // MARK: The end

    private static let endSteps: [TourStep<StudyVisit>] = [
        TourStep("a deleted user is refused at once", source: "DELETE /user") { visit in
            try await visit.admin.users.delete(visit.username)
            visit.exists = false
            let code = try await refusal { [visit] in _ = try await visit.nurse.subjects.subject(visit.sssid) }
            try expect("code", code, is: "invalid_credentials")
            let unknown = try await refusal { [visit] in _ = try await visit.admin.users.user(visit.username) }
            try expect("code", unknown, is: "unknown_account")
        }
    ]

    private func requireLink() throws -> Link {
        guard let link else {
            try expect("a link", false)
            throw CancellationError()
        }
        return link
    }

    /// Stops the step unless a client has to sign in before it sees a subject.
    private static func isSignedOut(
        _ client: Gatehouse, of sssid: String, file: String = #fileID, line: Int = #line
    ) async throws {
        do {
            _ = try await client.subjects.subject(sssid)
            try expect("refused", false, file: file, line: line)
        } catch GatehouseError.signInRequired {}
    }
}
