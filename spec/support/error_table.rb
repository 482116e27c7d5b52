# frozen_string_literal: true

# The table of docs/errors.md: the specs expect of each error what its row says.
module ErrorTable
  # @!attribute types [Array<String>] types of `error.occurred`
  # @!attribute status [Integer] what `GET /status` answers while it stands
  # @!attribute live [Integer] what `GET /status/live` answers meanwhile
  Row = Struct.new(:error, :cause, :severity, :types, :status, :live, keyword_init: true)

  DOCUMENT = File.expand_path("../../docs/errors.md", __dir__)

  # @return [Array<Row>] in the document's order
  def self.rows
    @rows ||= File.readlines(DOCUMENT).map { |line| line.split("|").map(&:strip) }
                  .select { |cells| cells.size > 6 && cells[5].match?(/\A\d/) }.map { |cells| row(cells) }
  end

  # @param error [String] the row's, or how it begins
  # @return [Row]
  # @raise [KeyError] no row, or more than one begins so
  def self.fetch(error)
    found = rows.select { |row| row.error == error }
    found = rows.select { |row| row.error.start_with?(error) } if found.empty?
    found.one? ? found.first : raise(KeyError, "#{found.size} rows of docs/errors.md begin with '#{error}'")
  end

  def self.row(cells)
    _, error, cause, severity, types, status, live = cells
    Row.new(error: error, cause: cause[/`:(\w+)`/, 1]&.to_sym, severity: severity.to_sym,
            types: types.scan(/`([^`]+)`/).flatten, status: Integer(status[/\d+/]), live: Integer(live[/\d+/]))
  end
  private_class_method :row
end
