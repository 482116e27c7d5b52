# frozen_string_literal: true

require "json"
require_relative "figures"

module Bench
  # Prints results: a table at the end for people, or a JSON object a line as they come.
  class Reporter
    COLUMNS = %i[
      case value unit floor ratio unlimited_floor p50_ms p99_ms floor_p99_ms p99_ratio max_ms cpu_us strings_us rss_mb
      wanted met
    ].freeze

    # @param bench [String]
    # @param json [Boolean]
    def initialize(bench, json:)
      @bench = bench
      @json = json
      @rows = []
    end

    # @param name [String] the case
    # @param wanted [Hash{Symbol => Range}] what the figures should be
    # @param figures [Hash{Symbol => Object}] any of {COLUMNS}
    def add(name, wanted: {}, **figures)
      name = "#{name}, YJIT" if Figures.jit?
      figures = figures.transform_values { |value| value.is_a?(Float) ? rounded(value) : value }
      row = { bench: @bench, case: name, **figures, **judge(figures, wanted) }
      @json ? puts(row.to_json) : warn("#{@bench}: #{figures.to_a.flatten.unshift(name).join(" ")}")
      @rows << row
    end

    # Prints the table
    def finish
      return if @json

      columns = COLUMNS.select { |column| @rows.any? { |row| row.key?(column) } }
      lines = [columns.map(&:to_s), *@rows.map { |row| columns.map { |column| cell(row[column]) } }]
      widths = lines.transpose.map { |cells| cells.map(&:size).max }
      lines.each { |cells| puts cells.zip(widths).map { |cell, width| cell.ljust(width) }.join("  ").rstrip }
    end

    private

    def judge(figures, wanted)
      return {} if wanted.empty?

      { wanted: describe(wanted), met: wanted.all? { |key, range| range.cover?(figures[key]) } }
    end

    def rounded(value)
      return value.round if value.abs >= 1_000

      value.round(value.abs >= 10 ? 1 : 3)
    end

    def cell(value)
      case value
      when true then "yes"
      when false then "NO"
      when Integer then value.to_s.gsub(/(?<=\d)(?=(\d{3})+$)/, ",")
      else value.to_s
      end
    end

    def describe(wanted)
      wanted.map { |key, range| "#{key} #{limits(range)}" }.join(", ")
    end

    def limits(range)
      return "#{range.begin}..#{range.end}" if range.begin && range.end

      range.begin ? ">= #{cell(range.begin)}" : "< #{cell(range.end)}"
    end
  end
end
