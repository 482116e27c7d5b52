# frozen_string_literal: true

require "fileutils"
require "json"

# Figures of a run, for people: a row an ordeal, in tmp/hosts/NAME.json and as text
class Table
  DIRECTORY = File.expand_path("../../../tmp/hosts", __dir__)
  private_constant :DIRECTORY

  # @param name [String]
  def initialize(name)
    @name = name
    @rows = []
  end

  # @param ordeal [#to_h]
  # @return [#to_h] the same
  def add(ordeal)
    @rows << ordeal.to_h
    Acceptance.note(@rows.last.map { |key, value| "#{key}=#{value}" }.join(" "))
    ordeal
  end

  # Writes the file
  def save
    FileUtils.mkdir_p(DIRECTORY)
    File.write(File.join(DIRECTORY, "#{@name}.json"), JSON.pretty_generate(host: RUBY_DESCRIPTION, rows: @rows))
  end
end
